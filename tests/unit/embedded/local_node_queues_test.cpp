#include "unit/embedded/local_node_fixture.hpp"

namespace carillon::embedded::testing {
namespace {

TEST_F(LocalNodeTest, dead_letters_name_the_recipient_and_can_be_redriven) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_TRUE(connect("bob", "c-bob", {"room"}));
  gateway_.fail_with("outbound buffer full");
  const auto receipt = publish(fifo("room", "a"));
  ASSERT_TRUE(depth_becomes("WebSocketFifoDLQ", 1));
  const auto letters = await<std::vector<ports::QueuedMessage>>(
      [&](auto done) { node_->queues().peek("WebSocketFifoDLQ", 10, std::move(done)); });
  ASSERT_EQ(letters->size(), 1u);
  EXPECT_EQ(letters->front().message->id, receipt->id);
  EXPECT_EQ(letters->front().attempts, 3);
  EXPECT_EQ(letters->front().failed.front().user, UserId("bob"));
  EXPECT_TRUE(depth_becomes("WebSocketFifoQueue", 0));

  reopen();
  ASSERT_TRUE(connect("bob", "c-new", {"room"}));
  EXPECT_EQ(queue("WebSocketFifoDLQ").depth, 1u) << "dead letters survive a restart, once";
  gateway_.fail_with("");
  const auto moved = await<std::uint64_t>(
      [&](auto done) { node_->queues().redrive("WebSocketFifoDLQ", {receipt->id}, std::move(done)); });
  EXPECT_EQ(*moved, 1u);
  const auto frames = gateway_.frames(2);
  EXPECT_NE(frames.back().find(receipt->id.str()), std::string::npos);
  EXPECT_NE(frames.back().find("\"sequenceNumber\":1,"), std::string::npos);
  EXPECT_EQ(queue("WebSocketFifoDLQ").depth, 0u);
}

TEST_F(LocalNodeTest, a_webhook_is_retried_then_dead_lettered_then_redriven) {
  settings_.bus.channels.push_back({"Email", "http://127.0.0.1:9/hook", "secret", "", false});
  open();
  http_.answer_with({500, 503, 404});
  auto publication = fifo("room", "a");
  publication.channel = "Email";
  const auto receipt = publish(publication);
  ASSERT_TRUE(receipt);
  ASSERT_TRUE(depth_becomes("EmailFifoDLQ", 1));
  EXPECT_EQ(http_.requests(3).size(), 3u) << "exactly three attempts";
  EXPECT_TRUE(gateway_.frames(0).empty()) << "another channel's message is none of the sockets'";
  EXPECT_TRUE(depth_becomes("EmailFifoQueue", 0));
  EXPECT_EQ(
      *await<std::uint64_t>([&](auto done) { node_->queues().redrive("EmailFifoDLQ", {}, std::move(done)); }),
      1u);
  const auto requests = http_.requests(4);
  EXPECT_EQ(requests[3].url, "http://127.0.0.1:9/hook");
  EXPECT_NE(requests[3].body.find(receipt->id.str()), std::string::npos);
  const auto id =
      std::ranges::find(requests[3].headers, "webhook-id", &std::pair<std::string, std::string>::first);
  ASSERT_NE(id, requests[3].headers.end());
  EXPECT_EQ(id->second, receipt->id.str());
}

TEST_F(LocalNodeTest, unknown_queues_are_not_found) {
  open();
  EXPECT_TRUE(await<std::uint64_t>([&](auto done) { node_->queues().purge("Nope", std::move(done)); })
                  .error()
                  .is(errors::kNotFound));
  EXPECT_TRUE(await<std::uint64_t>(
                  [&](auto done) { node_->queues().redrive("WebSocketFifoQueue", {}, std::move(done)); })
                  .error()
                  .is(errors::kBadRequest));
}

TEST_F(LocalNodeTest, stores_every_message_whatever_its_channel_and_type) {
  settings_.bus.channels.push_back({"Email", "http://127.0.0.1:9/hook", "secret", "", false});
  open();
  for (int i = 0; i < 100; ++i) {
    auto publication = fifo("room", std::to_string(i));
    if (i % 2 == 0) publication.type = model::MessageType::standard;
    if (i % 3 == 0) publication.channel = "Email";
    ASSERT_TRUE(publish(publication));
  }
  EXPECT_TRUE(depth_becomes("MessageStorageQueue", 0));
}

TEST_F(LocalNodeTest, a_disk_without_its_reserve_refuses_before_it_is_full) {
  settings_.disk_reserve_bytes = std::uint64_t{1} << 60;
  open();
  const auto refused = publish(fifo("room", "a"));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errors::kOverloaded));
  EXPECT_EQ(node_->not_ready_reasons(), std::vector<std::string>{"disk nearly full"});
  settings_.disk_reserve_bytes = 0;
  reopen();
  EXPECT_EQ(publish(fifo("room", "a"))->sequence, 1u);
}

TEST_F(LocalNodeTest, a_failed_sync_is_answered_503_and_leaves_no_gap) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_TRUE(connect("bob", "c-bob", {"room"}));
  EXPECT_EQ(publish(fifo("room", "1"))->sequence, 1u);
  disk_.fail_sync = true;
  const auto failed = publish(fifo("room", "2"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().status(), 503);
  EXPECT_FALSE(grant("eve", "room"));
  disk_.fail_sync = false;

  auto again = fifo("room", "2");
  again.deduplication_id = "again";
  base::Result<ports::Receipt> receipt = model::fail(errors::kUnavailable);
  const auto deadline = base::monotonic_now() + std::chrono::seconds(30);
  while (!receipt && base::monotonic_now() < deadline) receipt = publish(again);
  ASSERT_TRUE(receipt);
  // Whether the failed one is on disk is unknown to its sender; the numbers have no gap either way, and what
  // is on disk is delivered.
  const std::uint64_t last = *receipt->sequence;
  EXPECT_TRUE(last == 2 || last == 3) << last;
  const auto frames = gateway_.frames(last);
  ASSERT_EQ(frames.size(), last);
  for (std::uint64_t n = 1; n <= last; ++n)
    EXPECT_NE(frames[n - 1].find("\"sequenceNumber\":" + std::to_string(n) + ","), std::string::npos);
  EXPECT_TRUE(depth_becomes("MessageStorageQueue", 0));
}

TEST_F(LocalNodeTest, a_full_queue_refuses_only_what_it_would_take) {
  settings_.bus.channels.push_back({"Email", "http://127.0.0.1:9/hook", "secret", "", false});
  settings_.bus.max_depth = 5;
  settings_.bus.retry_base = std::chrono::hours(1);
  open();
  http_.answer_with(std::deque<int>(100, 500));
  auto email = fifo("room", "");
  email.channel = "Email";
  int accepted = 0;
  base::Result<ports::Receipt> last;
  for (int i = 0; i < 20 && last; ++i) {
    email.deduplication_id = "id-" + std::to_string(i);
    last = publish(email);
    accepted += last.has_value();
  }
  ASSERT_FALSE(last);
  EXPECT_TRUE(last.error().is(errors::kOverloaded));
  EXPECT_EQ(accepted, 5);
  EXPECT_TRUE(depth_becomes("MessageStorageQueue", 0));
  EXPECT_TRUE(publish(fifo("room", "a"))) << "the sockets' queue has room";
}

}  // namespace
}  // namespace carillon::embedded::testing
