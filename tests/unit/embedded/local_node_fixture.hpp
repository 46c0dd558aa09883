#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <mutex>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "embedded/local_node.hpp"
#include "unit/embedded/failing_disk.hpp"

namespace carillon::embedded::testing {

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
          if (fail_with_.empty()) {
            outcome.delivered = 1;
            outcome.users = ports::list_of(UserId("bob"));
          } else
            outcome.failed.push_back({UserId("bob"), ConnectionId("c-bob"), fail_with_});
          outcomes.push_back(std::move(outcome));
        }
        runs_.push_back(run);
      }
      if (holding_) held_.insert(held_.end(), outcomes.begin(), outcomes.end());
      if (holding_) outcomes.clear();
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
  void send(ports::LoopIndex, const ConnectionId& id, std::string text,
            std::move_only_function<void(bool)> done) override {
    bool taken = true;
    {
      const std::lock_guard lock(mutex_);
      events_.push_back("send " + id.str() + " " + text);
      taken = !refusing_;
    }
    done(taken);
  }
  void close(ports::LoopIndex, const ConnectionId& id, std::uint16_t code, std::string) override {
    const std::lock_guard lock(mutex_);
    events_.push_back("close " + id.str() + " " + std::to_string(code));
  }
  void run_on(ports::LoopIndex, std::move_only_function<void()> task) override { task(); }

  void fail_with(std::string reason) {
    const std::lock_guard lock(mutex_);
    fail_with_ = std::move(reason);
  }
  /// From now on no connection takes a frame of its own.
  void refuse_frames() {
    const std::lock_guard lock(mutex_);
    refusing_ = true;
  }
  /// From now on what is delivered is not answered; with `false`, all of it is.
  void hold(bool holding) {
    std::vector<ports::DeliveryOutcome> outcomes;
    {
      const std::lock_guard lock(mutex_);
      holding_ = holding;
      if (!holding) outcomes.swap(held_);
    }
    sink_(0, std::move(outcomes));
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
  std::vector<ports::DeliveryOutcome> held_;
  bool holding_ = false;
  bool refusing_ = false;
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
  FailingDisk disk_;
  NodeSettings settings_;
  RecordingGateway gateway_;
  ScriptedHttpClient http_;
  std::unique_ptr<LocalNode> node_;
};

}  // namespace carillon::embedded::testing
