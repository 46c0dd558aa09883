#include "embedded/local_node.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <mutex>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "unit/embedded/failing_disk.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using model::ConnectionId;
using model::Role;
using model::Target;
using model::UserId;

/// Answers each delivery as the test says, on the bus loop: a gateway with one loop and no sockets.
class RecordingGateway final : public ports::ConnectionGateway {
 public:
  ports::LoopIndex loop_count() const override { return 1; }
  void set_outcome_sink(OutcomeSink sink) override { sink_ = std::move(sink); }
  void deliver(ports::LoopIndex, std::vector<ports::DeliveryRunPtr> runs) override {
    std::vector<ports::DeliveryOutcome> outcomes;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& run : runs) {
        for (const auto& frame : run->index) {
          ports::DeliveryOutcome outcome;
          outcome.delivery = frame.delivery;
          if (fail_with_.empty())
            outcome.delivered = 1;
          else
            outcome.failed.push_back({UserId("bob"), ConnectionId("c-bob"), fail_with_});
          outcomes.push_back(std::move(outcome));
        }
        runs_.push_back(run);
      }
    }
    changed_.notify_all();
    sink_(0, std::move(outcomes));
  }
  void add_targets(ports::LoopIndex, const ConnectionId& id, std::vector<Target> targets) override {
    const std::lock_guard lock(mutex_);
    for (const Target& each : targets) events_.push_back("+" + id.str() + " " + each.str());
  }
  void remove_targets(ports::LoopIndex, const ConnectionId& id, std::vector<Target> targets,
                      std::vector<std::string> notices, std::move_only_function<void()> done) override {
    {
      const std::lock_guard lock(mutex_);
      for (const Target& each : targets) events_.push_back("-" + id.str() + " " + each.str());
      for (const std::string& each : notices) events_.push_back(each);
    }
    done();
  }
  void send(ports::LoopIndex, const ConnectionId&, std::string) override {}
  void close(ports::LoopIndex, const ConnectionId&, std::uint16_t, std::string) override {}
  void run_on(ports::LoopIndex, std::move_only_function<void()> task) override { task(); }

  void fail_with(std::string reason) {
    const std::lock_guard lock(mutex_);
    fail_with_ = std::move(reason);
  }
  /// Waits until `count` frames were delivered, and gives them all as text.
  std::vector<std::string> frames(std::size_t count) {
    std::unique_lock lock(mutex_);
    std::vector<std::string> texts;
    changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      texts.clear();
      for (const auto& run : runs_)
        for (std::size_t i = 0, start = 0; i < run->index.size(); start = run->index[i++].end)
          texts.push_back(run->frames.substr(start, run->index[i].end - start));
      return texts.size() >= count;
    });
    return texts;
  }
  std::vector<std::string> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  OutcomeSink sink_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ports::DeliveryRunPtr> runs_;
  std::vector<std::string> events_;
  std::string fail_with_;
};

/// Answers webhooks with the statuses that the test lines up, 200 once they are used up.
class ScriptedHttpClient final : public ports::HttpClient {
 public:
  void send(ports::OutboundRequest request, ports::Completion<ports::OutboundResponse> done) override {
    int status = 200;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(std::move(request));
      if (!statuses_.empty()) {
        status = statuses_.front();
        statuses_.pop_front();
      }
    }
    changed_.notify_all();
    done(ports::OutboundResponse{status, ""});
  }
  void answer_with(std::deque<int> statuses) {
    const std::lock_guard lock(mutex_);
    statuses_ = std::move(statuses);
  }
  std::vector<ports::OutboundRequest> requests(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return requests_.size() >= count; });
    return requests_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ports::OutboundRequest> requests_;
  std::deque<int> statuses_;
};

template <typename T>
base::Result<T> await(std::move_only_function<void(ports::Completion<T>)> call) {
  auto promise = std::make_shared<std::promise<base::Result<T>>>();
  auto future = promise->get_future();
  call([promise](base::Result<T> result) { promise->set_value(std::move(result)); });
  if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready)
    throw std::runtime_error("no answer");
  return future.get();
}

class LocalNodeTest : public ::testing::Test {
 protected:
  LocalNodeTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "carillon-node-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    settings_.directory = directory_ / "data";
    settings_.bus.retry_base = std::chrono::milliseconds(1);
  }
  ~LocalNodeTest() override {
    close();
    std::filesystem::remove_all(directory_);
  }

  void open() {
    StoreOptions options;
    options.env = disk_.env.get();
    auto node = LocalNode::open(settings_, std::move(options), gateway_, http_);
    ASSERT_TRUE(node) << node.error().details();
    node_ = std::move(*node);
  }
  void close() {
    if (node_) node_->stop();
    node_.reset();
  }
  void reopen() {
    close();
    open();
  }

  static model::IdentityPtr identity(std::string user, bool admin = false) {
    auto made = std::make_shared<model::Identity>();
    made->user = UserId(std::move(user));
    made->is_admin = admin;
    return made;
  }
  ports::Publication fifo(std::string chat, std::string content) {
    ports::Publication publication;
    publication.type = model::MessageType::fifo;
    publication.target = Target::chat(chat);
    publication.group_id = chat;
    publication.event_type = "chat";
    publication.payload = R"({"chatId":")" + chat + R"(","eventType":"chat","content":")" + content + "\"}";
    publication.identity = identity("ann", true);
    publication.sender = UserId("ann");
    return publication;
  }
  base::Result<ports::Receipt> publish(ports::Publication publication) {
    return await<ports::Receipt>(
        [&](auto done) { node_->message_bus().publish(std::move(publication), std::move(done)); });
  }
  base::Result<std::vector<std::string>> connect(std::string user, std::string id,
                                                 std::vector<std::string> chats, bool every_chat = false,
                                                 bool admin = false) {
    auto record = std::make_shared<ports::ConnectionRecord>();
    record->id = ConnectionId(std::move(id));
    record->identity = identity(std::move(user), admin);
    return await<std::vector<std::string>>([&](auto done) {
      node_->directory().connect(record, std::move(chats), every_chat, std::move(done));
    });
  }
  base::Result<ports::Grant> grant(std::string user, std::string chat, Role role = Role::member) {
    return await<ports::Grant>([&](auto done) {
      node_->permissions().grant(identity("root", true), UserId(user), Target::chat(chat), role,
                                 std::move(done));
    });
  }
  base::Result<ports::Permission> revoke(std::string user, std::string chat) {
    return await<ports::Permission>([&](auto done) {
      node_->permissions().revoke(identity("root", true), UserId(user), Target::chat(chat), std::move(done));
    });
  }
  ports::QueueInfo queue(const std::string& name) {
    auto list =
        await<std::vector<ports::QueueInfo>>([&](auto done) { node_->queues().list(std::move(done)); });
    const auto found = std::ranges::find(*list, name, &ports::QueueInfo::name);
    EXPECT_NE(found, list->end()) << name;
    return *found;
  }
  /// Asks until the queue is as deep as expected: what moves it runs on other threads.
  bool depth_becomes(const std::string& name, std::uint64_t depth) {
    const auto deadline = base::monotonic_now() + std::chrono::seconds(20);
    while (queue(name).depth != depth)
      if (base::monotonic_now() > deadline) return false;
    return true;
  }

  std::filesystem::path directory_;
  testing::FailingDisk disk_;
  NodeSettings settings_;
  RecordingGateway gateway_;
  ScriptedHttpClient http_;
  std::unique_ptr<LocalNode> node_;
};

TEST_F(LocalNodeTest, delivers_what_is_published_to_those_who_are_subscribed) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_EQ(*connect("bob", "c-bob", {"room"}), std::vector<std::string>{"room"});
  const auto receipt = publish(fifo("room", "hello"));
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->sequence, 1u);
  const auto frames = gateway_.frames(1);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_NE(frames[0].find(receipt->id.str()), std::string::npos);
  EXPECT_NE(frames[0].find(R"("content":"hello")"), std::string::npos);
}

TEST_F(LocalNodeTest, numbers_a_chat_consecutively_across_restarts) {
  open();
  for (model::SequenceNumber n = 1; n <= 5; ++n)
    EXPECT_EQ(publish(fifo("room", std::to_string(n)))->sequence, n);
  EXPECT_EQ(publish(fifo("other", "x"))->sequence, 1u);
  reopen();
  EXPECT_EQ(publish(fifo("room", "6"))->sequence, 6u);
}

TEST_F(LocalNodeTest, leaves_the_counter_alone_for_a_sequence_of_the_senders) {
  open();
  auto publication = fifo("room", "a");
  publication.custom_sequence = 77;
  EXPECT_EQ(publish(std::move(publication))->sequence, 77u);
  auto without = fifo("room", "b");
  without.generate_sequence = false;
  EXPECT_FALSE(publish(std::move(without))->sequence);
  EXPECT_EQ(publish(fifo("room", "c"))->sequence, 1u);
}

TEST_F(LocalNodeTest, answers_a_duplicate_like_the_first_even_after_a_restart) {
  open();
  auto once = fifo("room", "a");
  once.deduplication_id = "id-1";
  const auto first = publish(once);
  reopen();
  auto again = fifo("room", "something else");
  again.deduplication_id = "id-1";
  const auto second = publish(again);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->id, first->id);
  EXPECT_EQ(second->sequence, first->sequence);
  EXPECT_TRUE(second->deduplicated);
  auto other_sender = again;
  other_sender.sender = UserId("eve");
  EXPECT_FALSE(publish(other_sender)->deduplicated) << "nobody can swallow another's message";
  EXPECT_EQ(publish(fifo("room", "c"))->sequence, 3u);
}

TEST_F(LocalNodeTest, gives_two_copies_in_one_batch_one_answer) {
  open();
  std::vector<std::future<base::Result<ports::Receipt>>> answers;
  for (int i = 0; i < 50; ++i) {
    auto promise = std::make_shared<std::promise<base::Result<ports::Receipt>>>();
    answers.push_back(promise->get_future());
    node_->message_bus().publish(fifo("room", "same"), [promise](base::Result<ports::Receipt> each) {
      promise->set_value(std::move(each));
    });
  }
  int fresh = 0;
  std::optional<model::MessageId> id;
  for (auto& each : answers) {
    const auto receipt = each.get();
    ASSERT_TRUE(receipt);
    fresh += !receipt->deduplicated;
    if (!id) id = receipt->id;
    EXPECT_EQ(receipt->id, *id);
  }
  EXPECT_EQ(fresh, 1);
}

TEST_F(LocalNodeTest, refuses_publishers_without_the_right) {
  open();
  auto publication = fifo("room", "a");
  publication.identity = identity("eve");
  publication.sender = UserId("eve");
  auto refused = publish(publication);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errors::kNoChatAccess));
  ASSERT_TRUE(grant("eve", "room", Role::viewer));
  EXPECT_FALSE(publish(publication)) << "viewers read";
  ASSERT_TRUE(grant("eve", "room", Role::member));
  EXPECT_TRUE(publish(publication));
  publication.target = Target::all();
  EXPECT_TRUE(publish(publication).error().is(errors::kNoAllAccess));
}

TEST_F(LocalNodeTest, over_a_socket_the_chat_must_be_subscribed) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_TRUE(grant("bob", "den"));
  ASSERT_TRUE(connect("bob", "c-bob", {"den"}));
  auto publication = fifo("room", "a");
  publication.identity = identity("bob");
  publication.sender = UserId("bob");
  publication.connection = ConnectionId("c-bob");
  const auto refused = publish(publication);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().members(), R"(,"chatId":"room","authorizedChatIds":["den"])");
}

TEST_F(LocalNodeTest, a_denied_chat_refuses_the_whole_connect) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  const auto refused = connect("bob", "c-bob", {"room", "secret"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().members(), R"(,"chatIds":["secret"])");
  EXPECT_EQ(node_->directory().count(), 0u);
}

TEST_F(LocalNodeTest, every_chat_includes_later_grants) {
  open();
  ASSERT_TRUE(grant("bob", "one"));
  EXPECT_EQ(*connect("bob", "c-bob", {}, true), std::vector<std::string>{"one"});
  ASSERT_TRUE(grant("bob", "two"));
  const auto events = gateway_.events();
  EXPECT_NE(std::ranges::find(events, "+c-bob chat:two"), events.end());
}

TEST_F(LocalNodeTest, a_revocation_takes_the_chat_away_before_it_is_answered) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_TRUE(connect("bob", "c-bob", {"room"}));
  ASSERT_TRUE(revoke("bob", "room"));
  const auto events = gateway_.events();
  EXPECT_EQ(events[events.size() - 2], "-c-bob chat:room");
  EXPECT_EQ(events.back(), R"({"type":"unsubscribed","chatId":"room","reason":"permission revoked"})");
  ASSERT_TRUE(publish(fifo("room", "secret")));
  EXPECT_EQ(queue("WebSocketFifoQueue").depth, 0u);
  EXPECT_TRUE(gateway_.frames(0).empty());
  EXPECT_FALSE(connect("bob", "c-2", {"room"}));
}

TEST_F(LocalNodeTest, permissions_survive_a_restart) {
  open();
  ASSERT_TRUE(grant("bob", "room", Role::owner));
  reopen();
  EXPECT_EQ(*await<Role>([&](auto done) {
    node_->permissions().role_of(UserId("bob"), Target::chat("room"), std::move(done));
  }),
            Role::owner);
}

TEST_F(LocalNodeTest, limits_the_rate_of_users_but_not_of_backends) {
  settings_.bus.publish_per_second = 1;
  settings_.bus.publish_burst = 2;
  open();
  ASSERT_TRUE(grant("eve", "room"));
  auto publication = fifo("room", "a");
  publication.identity = identity("eve");
  publication.sender = UserId("eve");
  publication.type = model::MessageType::standard;
  EXPECT_TRUE(publish(publication));
  EXPECT_TRUE(publish(publication));
  const auto refused = publish(publication);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errors::kTooManyRequests));
  EXPECT_GT(refused.error().retry_after_ms(), 0);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(publish(fifo("room", std::to_string(i))));
}

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
}  // namespace carillon::embedded
