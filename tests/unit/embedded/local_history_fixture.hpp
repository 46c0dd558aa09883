#pragma once

#include <future>
#include <semaphore>

#include "embedded/local_history.hpp"
#include "embedded/message_table.hpp"
#include "unit/embedded/local_node_fixture.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded::testing {

using message_storage::MessageStorage;
using model::Identity;
using model::IdentityPtr;
using model::MessageId;
using model::MessagePtr;
using model::Position;
using model::TargetClass;
using ports::HistoryPage;
using ports::HistoryQuery;
using ports::MessageTrace;
using ports::SequencePage;

inline IdentityPtr person(std::string user) {
  auto made = std::make_shared<Identity>();
  made->user = UserId(std::move(user));
  return made;
}
inline IdentityPtr root() {
  auto made = std::make_shared<Identity>();
  made->user = UserId("root");
  made->is_admin = true;
  return made;
}

/// The store's message table, which stores only while the gate is open.
class GatedTable final : public ports::MessageTable {
 public:
  explicit GatedTable(Store& store) : table_(store) {}
  base::Result<Position> cursor() override { return table_.cursor(); }
  base::Result<std::vector<Position>> settled() override { return table_.settled(); }
  base::Result<std::vector<ports::StorageFailure>> store(const ports::StorageStep& step) override {
    gate_.acquire();
    gate_.release();
    return table_.store(step);
  }
  void open() { gate_.release(); }
  void close() { gate_.acquire(); }

 private:
  embedded::MessageTable table_;
  std::binary_semaphore gate_{1};
};

/// Reads over a store without a bus: the test says what is in the log, and when storage goes on.
class LocalHistoryTest : public StoreTest {
 protected:
  void TearDown() override {
    if (closed_) open_gate();
    stop();
  }
  void start(ReadPool::Limits limits = {}) {
    table_ = std::make_unique<GatedTable>(*store_);
    log_ = std::make_unique<MessageLog>(*store_);
    storage_ = std::make_unique<MessageStorage>(
        *table_, *log_, [](ports::QueuedMessage letter, auto) { ADD_FAILURE() << letter.reason; });
    storage_->start(last_);
    history_ = std::make_unique<LocalHistory>(
        *store_, *storage_, [this] { return last_.load(); },
        [this](const MessagePtr& message, ports::Completion<LocalTrace::Rest> done) {
          described_ = message->id;
          done(LocalTrace::Rest([this] {
            if (rest_) rest_();
            return MessageTrace{.delivered = 7};
          }));
        },
        limits);
  }
  void stop() {
    if (history_) history_->stop();
    if (storage_) storage_->stop();
    history_.reset();
    storage_.reset();
  }
  void close_gate() {
    table_->close();
    closed_ = true;
  }
  void open_gate() {
    table_->open();
    closed_ = false;
  }
  /// Into the log, as if the bus had just answered for it.
  void publish(model::Message message) {
    message.sender = UserId("alice");
    commit([&](CommitBatch& batch) {
      batch.add_message(message);
      if (message.sequence) batch.set_sequence(message.target.id, *message.sequence);
    });
    last_ = message.position;
    storage_->accept({std::make_shared<const model::Message>(std::move(message))});
  }
  void grant(std::string user, Target target, Role role = Role::viewer) {
    commit([&](CommitBatch& batch) {
      batch.put_permission({UserId(std::move(user)), std::move(target), role, kStart, UserId("root")});
    });
  }
  void revoke(std::string user, const Target& target) {
    commit([&](CommitBatch& batch) { batch.delete_permission(UserId(std::move(user)), target); });
  }

  std::future<base::Result<HistoryPage>> page_later(IdentityPtr asking, Target target) {
    auto promise = std::make_shared<std::promise<base::Result<HistoryPage>>>();
    auto future = promise->get_future();
    history_->page(std::move(asking), {.target = std::move(target)},
                   [promise](auto page) { promise->set_value(std::move(page)); });
    return future;
  }
  base::Result<HistoryPage> page(IdentityPtr asking, Target target) {
    return page_later(std::move(asking), std::move(target)).get();
  }
  base::Result<SequencePage> sequences(IdentityPtr asking, std::string chat, ports::NumberRange numbers) {
    return await<SequencePage>(
        [&](auto done) { history_->sequences(asking, chat, {numbers}, std::move(done)); });
  }
  base::Result<MessagePtr> message(IdentityPtr asking, MessageId id) {
    return await<MessagePtr>([&](auto done) { history_->message(asking, id, std::move(done)); });
  }
  base::Result<MessageTrace> trace(IdentityPtr asking, MessageId id) {
    return await<MessageTrace>([&](auto done) { history_->trace(asking, id, std::move(done)); });
  }
  static bool waits(auto& future) {
    return future.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout;
  }

  const Target chat_ = Target::chat("chat-1");
  std::atomic<Position> last_{0};
  bool closed_ = false;
  MessageId described_;
  std::function<void()> rest_;  ///< called in the second half of a trace
  std::unique_ptr<GatedTable> table_;
  std::unique_ptr<MessageLog> log_;
  std::unique_ptr<MessageStorage> storage_;
  std::unique_ptr<LocalHistory> history_;
};

}  // namespace carillon::embedded::testing
