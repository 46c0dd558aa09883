#include "embedded/local_trace.hpp"

#include "unit/embedded/local_node_fixture.hpp"

namespace carillon::embedded::testing {
namespace {

using State = ports::QueueTrace::State;

class LocalTraceTest : public LocalNodeTest {
 protected:
  /// Publishes it and keeps what the log has of it: positions count from 1.
  model::MessagePtr sent(ports::Publication publication) {
    auto message = std::make_shared<model::Message>();
    static_cast<model::MessageBody&>(*message) = publication;
    message->id = publish(std::move(publication)).value().id;
    message->position = ++published_;
    return message;
  }
  ports::MessageTrace trace(const model::MessagePtr& message) {
    auto rest =
        await<LocalTrace::Rest>([&](auto done) { node_->trace().describe(message, std::move(done)); });
    auto found = (*rest)();
    EXPECT_TRUE(found) << found.error().details();
    return found.value_or(ports::MessageTrace{});
  }
  /// Asks until the queue has come to `state`: what moves it runs on other threads.
  ports::MessageTrace becomes(const model::MessagePtr& message, const std::string& queue, State state) {
    const auto deadline = base::monotonic_now() + std::chrono::seconds(20);
    while (true) {
      auto found = trace(message);
      const auto at = std::ranges::find(found.queues, queue, &ports::QueueTrace::queue);
      if (at == found.queues.end() || at->state == state || base::monotonic_now() > deadline) {
        EXPECT_TRUE(at != found.queues.end() && at->state == state) << queue;
        return found;
      }
    }
  }
  const ports::QueueTrace& of(const ports::MessageTrace& trace, const std::string& queue) {
    const auto at = std::ranges::find(trace.queues, queue, &ports::QueueTrace::queue);
    EXPECT_NE(at, trace.queues.end()) << queue;
    return *at;
  }
  void subscribe() {
    ASSERT_TRUE(grant("bob", "room"));
    ASSERT_TRUE(connect("bob", "c-bob", {"room"}));
  }

  model::Position published_ = 0;
};

const std::vector<UserId> kBob{UserId("bob")};

TEST_F(LocalTraceTest, SaysWhoGotItAlsoAfterARestart) {
  open();
  subscribe();
  const auto message = sent(fifo("room", "a"));
  auto found = becomes(message, "WebSocketFifoQueue", State::settled);
  EXPECT_EQ(found.queues.size(), 2u);
  EXPECT_EQ(found.queues[1].queue, "MessageStorageQueue");
  EXPECT_EQ(found.delivered, 1u);
  EXPECT_EQ(found.gone, 0u);
  EXPECT_EQ(found.delivered_to, kBob);
  reopen();
  found = trace(message);
  EXPECT_EQ(found.delivered, 1u);
  EXPECT_EQ(found.delivered_to, kBob);
  reopen();
  EXPECT_EQ(trace(message).delivered, 1u) << "a restart counts nothing twice";
}

TEST_F(LocalTraceTest, AMessageToNobodyIsSettledAndDeliveredToNobody) {
  open();
  const auto message = sent(fifo("room", "a"));
  const auto found = becomes(message, "WebSocketFifoQueue", State::settled);
  EXPECT_EQ(found.delivered, 0u);
  EXPECT_TRUE(found.delivered_to.empty());
}

TEST_F(LocalTraceTest, SaysWhatIsUnderWay) {
  open();
  subscribe();
  gateway_.hold(true);
  const auto message = sent(fifo("room", "a"));
  const auto found = trace(message);
  EXPECT_EQ(of(found, "WebSocketFifoQueue").state, State::in_flight);
  EXPECT_EQ(found.delivered, 0u);
  gateway_.hold(false);
  EXPECT_EQ(becomes(message, "WebSocketFifoQueue", State::settled).delivered, 1u);
}

TEST_F(LocalTraceTest, ADeadLetterNamesWhoDidNotGetItAndARedriveAddsUp) {
  open();
  subscribe();
  gateway_.fail_with("outbound buffer full");
  const auto message = sent(fifo("room", "a"));
  auto found = becomes(message, "WebSocketFifoQueue", State::dead_letter);
  const auto& letter = of(found, "WebSocketFifoQueue");
  EXPECT_EQ(letter.dead_letter_queue, "WebSocketFifoDLQ");
  EXPECT_EQ(letter.attempts, 3);
  EXPECT_EQ(letter.reason, "outbound buffer full");
  ASSERT_EQ(letter.failed.size(), 1u);
  EXPECT_EQ(letter.failed[0].user, UserId("bob"));
  EXPECT_EQ(found.delivered, 0u);
  ASSERT_TRUE(depth_becomes("WebSocketFifoDLQ", 1));

  gateway_.fail_with("");
  gateway_.hold(true);
  ASSERT_EQ(*await<std::uint64_t>([&](auto done) {
    node_->queues().redrive("WebSocketFifoDLQ", {message->id}, std::move(done));
  }),
            1u);
  found = becomes(message, "WebSocketFifoQueue", State::in_flight);
  EXPECT_TRUE(of(found, "WebSocketFifoQueue").dead_letter_queue.empty());
  gateway_.hold(false);
  found = becomes(message, "WebSocketFifoQueue", State::settled);
  EXPECT_EQ(found.delivered, 1u);
  EXPECT_EQ(found.delivered_to, kBob);
  reopen();
  found = trace(message);
  EXPECT_EQ(found.delivered, 1u);
  EXPECT_EQ(found.delivered_to, kBob);
}

/// The loop's facts first, then the letters: what died between the two is a dead letter, not settled.
TEST_F(LocalTraceTest, ALetterThatIsWrittenMeanwhileIsSeen) {
  open();
  subscribe();
  gateway_.hold(true);
  gateway_.fail_with("outbound buffer full");
  const auto message = sent(fifo("room", "a"));
  auto rest = await<LocalTrace::Rest>([&](auto done) { node_->trace().describe(message, std::move(done)); });
  gateway_.hold(false);
  ASSERT_TRUE(depth_becomes("WebSocketFifoDLQ", 1));
  const auto found = (*rest)();
  ASSERT_TRUE(found);
  EXPECT_EQ(of(*found, "WebSocketFifoQueue").state, State::dead_letter);
  EXPECT_EQ(of(*found, "WebSocketFifoQueue").reason, "outbound buffer full");
}

/// Nor is a result counted twice, or not at all, that goes to disk between the two.
TEST_F(LocalTraceTest, AResultThatIsFlushedMeanwhileCountsOnce) {
  open();
  subscribe();
  const auto message = sent(fifo("room", "a"));
  becomes(message, "WebSocketFifoQueue", State::settled);
  auto rest = await<LocalTrace::Rest>([&](auto done) { node_->trace().describe(message, std::move(done)); });
  const auto deadline = base::monotonic_now() + std::chrono::seconds(2);
  while (base::monotonic_now() < deadline) ASSERT_EQ(trace(message).delivered, 1u);
  EXPECT_EQ((*rest)()->delivered, 1u);
}

TEST_F(LocalTraceTest, AWebhookCountsItsAttempts) {
  settings_.bus.channels.push_back({"Email", "http://127.0.0.1:9/hook", "secret", "", false});
  settings_.bus.retry_base = std::chrono::hours(1);
  open();
  auto publication = fifo("room", "a");
  publication.channel = "Email";
  const auto taken = sent(publication);
  auto found = becomes(taken, "EmailFifoQueue", State::settled);
  EXPECT_EQ(found.delivered, 1u);
  EXPECT_TRUE(found.delivered_to.empty());

  http_.answer_with({500});
  publication = fifo("other", "b");
  publication.channel = "Email";
  const auto failing = sent(publication);
  found = becomes(failing, "EmailFifoQueue", State::waiting);
  EXPECT_EQ(of(found, "EmailFifoQueue").attempts, 1);
  EXPECT_EQ(found.queues.size(), 2u) << "not the sockets' queue";
  EXPECT_EQ(found.delivered, 0u);
  reopen();
  EXPECT_EQ(trace(taken).delivered, 1u);
}

TEST_F(LocalTraceTest, AWebhooksDeadLetterSaysWhy) {
  settings_.bus.channels.push_back({"Email", "http://127.0.0.1:9/hook", "secret", "", false});
  open();
  http_.answer_with({500, 503, 404});
  auto publication = fifo("room", "a");
  publication.channel = "Email";
  const auto message = sent(publication);
  const auto found = becomes(message, "EmailFifoQueue", State::dead_letter);
  EXPECT_EQ(of(found, "EmailFifoQueue").attempts, 3);
  EXPECT_EQ(of(found, "EmailFifoQueue").reason, "status 404");
}

TEST_F(LocalTraceTest, AnEphemeralMessageLeavesNothing) {
  open();
  subscribe();
  auto publication = fifo("room", "typing");
  publication.type = model::MessageType::ephemeral;
  ASSERT_TRUE(publish(publication));
  ASSERT_EQ(gateway_.frames(1).size(), 1u);
  const auto message = sent(fifo("room", "a"));
  EXPECT_EQ(becomes(message, "WebSocketFifoQueue", State::settled).delivered, 1u);
}

TEST_F(LocalTraceTest, AFailedDiskLosesNoResult) {
  open();
  subscribe();
  const auto before = sent(fifo("room", "before"));
  becomes(before, "WebSocketFifoQueue", State::settled);
  disk_.fail_sync = true;
  ASSERT_FALSE(publish(fifo("room", "lost")));
  disk_.fail_sync = false;
  base::Result<ports::Grant> granted = model::fail(errors::kUnavailable);
  const auto deadline = base::monotonic_now() + std::chrono::seconds(30);
  while (!granted && base::monotonic_now() < deadline) granted = grant("eve", "room");
  ASSERT_TRUE(granted);
  EXPECT_EQ(trace(before).delivered, 1u);
  reopen();
  EXPECT_EQ(trace(before).delivered, 1u);
  EXPECT_EQ(trace(before).delivered_to, kBob);
}

TEST_F(LocalTraceTest, ManyMessagesOverSeveralBuckets) {
  open();
  subscribe();
  std::vector<model::MessagePtr> messages;
  std::vector<std::future<void>> answers;
  for (model::Position position = 1; position <= 3000; ++position) {
    auto message = std::make_shared<model::Message>();
    auto publication = fifo("room", std::to_string(position));
    static_cast<model::MessageBody&>(*message) = publication;
    message->position = position;
    messages.push_back(message);
    auto answered = std::make_shared<std::promise<void>>();
    answers.push_back(answered->get_future());
    node_->message_bus().publish(std::move(publication),
                                 [message, answered](base::Result<ports::Receipt> receipt) {
                                   message->id = receipt->id;
                                   answered->set_value();
                                 });
  }
  for (auto& each : answers) each.get();
  ASSERT_TRUE(depth_becomes("WebSocketFifoQueue", 0));
  reopen();
  for (const auto& each : messages) ASSERT_EQ(trace(each).delivered, 1u) << each->position;
}

}  // namespace
}  // namespace carillon::embedded::testing
