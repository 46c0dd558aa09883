#include "message_storage/message_storage.hpp"

#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "base/log.hpp"
#include "unit/ports/fake_tracer.hpp"

namespace carillon::message_storage {
namespace {

using base::Result;
using model::MessagePtr;
using model::Position;
using std::chrono::milliseconds;

MessagePtr message(Position position, std::size_t payload = 10) {
  model::Message made;
  made.position = position;
  made.published_at = 1000 + static_cast<base::EpochMs>(position);
  made.payload.assign(payload, 'x');
  return std::make_shared<const model::Message>(std::move(made));
}
std::vector<MessagePtr> messages(Position first, Position last, std::size_t payload = 10) {
  std::vector<MessagePtr> all;
  for (Position position = first; position <= last; ++position) all.push_back(message(position, payload));
  return all;
}

/// A table and a log in memory whose failures are chosen.
class Memory : public ports::MessageTable, public ports::MessageLog {
 public:
  Result<Position> cursor() override {
    const std::lock_guard lock(mutex_);
    return cursor_;
  }
  Result<std::vector<Position>> settled() override {
    const std::lock_guard lock(mutex_);
    return std::vector<Position>(marks.begin(), marks.end());
  }
  Result<std::vector<ports::StorageFailure>> store(const ports::StorageStep& step) override {
    std::unique_lock lock(mutex_);
    ++writes;
    gate_.wait(lock, [this] { return open_; });
    if (refuse_writes > 0 && refuse_writes--) return model::fail(model::errors::kUnavailable, "refused");
    std::vector<ports::StorageFailure> failures;
    for (std::size_t i = 0; i < step.messages.size(); ++i) {
      const Position position = step.messages[i]->position;
      const auto failing = failures_left.find(position);
      if (failing != failures_left.end() && failing->second > 0) {
        --failing->second;
        ++attempts[position];
        failures.push_back({i, model::Error(model::errors::kInternal, "chosen")});
      } else {
        ++stored[position];
      }
    }
    largest_batch = std::max(largest_batch, step.messages.size());
    if (failures.empty()) {
      EXPECT_GE(step.cursor, cursor_) << "a cursor never goes back";
      cursor_ = step.cursor;
      for (const Position position : step.settled) marks.erase(position);
    }
    return failures;
  }
  Result<std::vector<MessagePtr>> read(Position from, std::size_t limit, std::size_t) override {
    const std::lock_guard lock(mutex_);
    ++log_reads;
    std::vector<MessagePtr> page;
    for (auto at = log.lower_bound(from); at != log.end() && page.size() < limit; ++at)
      page.push_back(at->second);
    return page;
  }
  void hold(bool closed) {
    const std::lock_guard lock(mutex_);
    open_ = !closed;
    gate_.notify_all();
  }
  void lose_after(Position last) {
    const std::lock_guard lock(mutex_);
    cursor_ = last;
    stored.erase(stored.upper_bound(last), stored.end());
  }
  void write_log(const std::vector<MessagePtr>& all) {
    const std::lock_guard lock(mutex_);
    for (const MessagePtr& each : all) log[each->position] = each;
  }
  std::set<Position> stored_positions() {
    const std::lock_guard lock(mutex_);
    std::set<Position> found;
    for (const auto& [position, times] : stored) found.insert(position);
    return found;
  }
  template <typename T>
  T locked(T Memory::* member) {
    const std::lock_guard lock(mutex_);
    return this->*member;
  }

  std::map<Position, int> stored, failures_left, attempts;
  std::map<Position, MessagePtr> log;
  std::set<Position> marks;
  std::size_t largest_batch = 0;
  int refuse_writes = 0, writes = 0, log_reads = 0;
  Position cursor_ = 0;

 private:
  std::mutex mutex_;
  std::condition_variable gate_;
  bool open_ = true;
};

class MessageStorageTest : public ::testing::Test {
 protected:
  void make(Position latest, Settings settings = {}) {
    settings.retry_base = milliseconds(1);
    storage_ = std::make_unique<MessageStorage>(
        memory_, memory_,
        [this](ports::QueuedMessage letter, ports::Completion<void> done) {
          sink_(std::move(letter), std::move(done));
        },
        settings);
    storage_->start(latest);
  }
  Result<void> wait_for(Position position) {
    std::promise<Result<void>> stored;
    storage_->when_stored(position, [&](Result<void> outcome) { stored.set_value(std::move(outcome)); });
    return stored.get_future().get();
  }
  std::set<Position> up_to(Position last) {
    std::set<Position> all;
    for (Position position = 1; position <= last; ++position) all.insert(position);
    return all;
  }

  Memory memory_;
  MessageStorage::DeadLetterSink sink_ = [](ports::QueuedMessage, ports::Completion<void>) { ADD_FAILURE(); };
  std::unique_ptr<MessageStorage> storage_;
};

TEST_F(MessageStorageTest, StoresWhatIsHandedOver) {
  make(0);
  storage_->accept(messages(1, 10));
  storage_->accept({});
  storage_->accept(messages(11, 30));
  EXPECT_TRUE(wait_for(30));
  EXPECT_EQ(memory_.stored_positions(), up_to(30));
  const Status status = storage_->status();
  EXPECT_EQ(storage_->counts().stored.value(), 30u);
  EXPECT_EQ(status.settled, 30u);
  EXPECT_EQ(status.depth(), 0u);
  EXPECT_FALSE(status.oldest_waiting);
  EXPECT_EQ(memory_.locked(&Memory::log_reads), 0);
}

TEST_F(MessageStorageTest, CatchesUpFromTheLogAtTheStart) {
  memory_.write_log(messages(1, 1000));
  memory_.cursor_ = 40;
  make(1000);
  EXPECT_TRUE(wait_for(1000));
  EXPECT_EQ(memory_.stored_positions().size(), 960u);
  EXPECT_EQ(*memory_.stored_positions().begin(), 41u);
}

TEST_F(MessageStorageTest, WhatDoesNotFitIsReadFromTheLog) {
  Settings settings;
  settings.max_inbox_bytes = 20'000;
  settings.batch_messages = 8;
  memory_.hold(true);
  make(0, settings);
  const auto all = messages(1, 400, 1000);
  memory_.write_log(all);
  for (std::size_t i = 0; i < all.size(); i += 4)
    storage_->accept(
        {all.begin() + static_cast<std::ptrdiff_t>(i), all.begin() + static_cast<std::ptrdiff_t>(i) + 4});
  EXPECT_EQ(storage_->status().latest, 400u);
  EXPECT_EQ(storage_->status().depth(), 400u);
  memory_.hold(false);
  EXPECT_TRUE(wait_for(400));
  EXPECT_EQ(memory_.stored_positions(), up_to(400));
  for (const auto& [position, times] : memory_.locked(&Memory::stored)) EXPECT_EQ(times, 1) << position;
  EXPECT_GT(memory_.locked(&Memory::log_reads), 0);
  EXPECT_LE(memory_.locked(&Memory::largest_batch), 8u);
}

TEST_F(MessageStorageTest, OneFailingMessageHoldsUpNoOther) {
  memory_.failures_left[5] = 2;
  make(0);
  storage_->accept(messages(1, 10));
  EXPECT_TRUE(wait_for(10));
  EXPECT_EQ(memory_.stored_positions(), up_to(10));
  EXPECT_EQ(storage_->counts().retried.value(), 2u);
  EXPECT_EQ(storage_->counts().stored.value(), 10u);
  EXPECT_EQ(storage_->counts().dead_lettered.value(), 0u);
}

TEST_F(MessageStorageTest, AfterThreeAttemptsItIsADeadLetter) {
  memory_.failures_left[5] = 1000;
  std::promise<std::pair<ports::QueuedMessage, ports::Completion<void>>> buried;
  sink_ = [&](ports::QueuedMessage letter, ports::Completion<void> done) {
    buried.set_value({std::move(letter), std::move(done)});
  };
  make(0);
  storage_->accept(messages(1, 10));
  auto [letter, done] = buried.get_future().get();
  EXPECT_EQ(letter.message->position, 5u);
  EXPECT_EQ(letter.attempts, 3);
  EXPECT_NE(letter.reason.find("chosen"), std::string::npos);
  EXPECT_EQ(memory_.locked(&Memory::attempts)[5], 3);
  EXPECT_TRUE(wait_for(4));
  EXPECT_LE(storage_->status().settled, 4u) << "not settled before the dead letter is durable";
  memory_.marks.insert(5);
  done({});
  EXPECT_TRUE(wait_for(10));
  EXPECT_EQ(storage_->counts().dead_lettered.value(), 1u);
  EXPECT_EQ(storage_->counts().stored.value(), 9u);
  EXPECT_TRUE(memory_.locked(&Memory::marks).empty()) << "the cursor is past the mark";
}

TEST_F(MessageStorageTest, DeadLetterThatTheBusRefusesIsOfferedAgain) {
  memory_.failures_left[1] = 1000;
  int offered = 0;
  sink_ = [&](ports::QueuedMessage, ports::Completion<void> done) {
    if (++offered == 1) return done(model::fail(model::errors::kUnavailable));
    done({});
  };
  make(0);
  storage_->accept(messages(1, 2));
  EXPECT_TRUE(wait_for(2));
  EXPECT_EQ(offered, 2);
}

TEST_F(MessageStorageTest, ManyThatFailAreLoggedInPartAndCountedInWhole) {
  for (Position position = 1; position <= 200; ++position) memory_.failures_left[position] = 1000;
  sink_ = [](ports::QueuedMessage, ports::Completion<void> done) { done({}); };
  ::testing::internal::CaptureStderr();
  base::log::start(base::log::Level::info);
  make(0);
  storage_->accept(messages(1, 200));
  EXPECT_TRUE(wait_for(200));
  storage_->report_suppressed();
  storage_->report_suppressed();
  base::log::stop();
  std::istringstream text(::testing::internal::GetCapturedStderr());
  std::uint64_t written = 0, reports = 0;
  for (std::string line; std::getline(text, line);) {
    written += line.contains(R"("event_type":"message_storage_failed",)");
    reports += line.contains(R"("event_type":"message_storage_failed_sampled",)");
  }
  EXPECT_GE(written, 20u);
  EXPECT_GT(storage_->lines_suppressed(), 0u);
  EXPECT_EQ(written + storage_->lines_suppressed(), 200u);
  EXPECT_EQ(reports, 1u);
}

TEST_F(MessageStorageTest, SampledMessagesHaveSpansOfTheirWrites) {
  ports::testing::FakeTracer tracer;
  make(0, {.tracer = &tracer});
  auto all = messages(1, 6);
  const auto trace = [&](std::size_t which, bool sampled) {
    auto copy = std::make_shared<model::Message>(*all[which]);
    copy->trace = base::new_trace(sampled);
    all[which] = copy;
  };
  trace(1, true);
  trace(2, false);
  trace(4, true);
  memory_.failures_left[5] = 1;
  storage_->accept(all);
  EXPECT_TRUE(wait_for(6));
  std::vector<std::pair<model::Position, bool>> found;
  for (const ports::Span& span : tracer.spans()) {
    EXPECT_EQ(span.name, "store");
    EXPECT_LE(span.start_ns, span.end_ns);
    for (const MessagePtr& each : all)
      if (each->trace && each->trace->trace_id == span.context.trace_id)
        found.emplace_back(each->position, span.failed);
  }
  using Expected = std::vector<std::pair<model::Position, bool>>;
  EXPECT_EQ(found, (Expected{{2, false}, {5, true}, {5, false}}));
}

TEST_F(MessageStorageTest, RefusedWriteIsRepeatedFromTheCursor) {
  memory_.refuse_writes = 4;
  make(0);
  const auto all = messages(1, 20);
  memory_.write_log(all);
  storage_->accept(all);
  EXPECT_TRUE(wait_for(20));
  EXPECT_EQ(memory_.stored_positions(), up_to(20));
  EXPECT_EQ(storage_->counts().failed_writes.value(), 4u);
  EXPECT_EQ(storage_->counts().dead_lettered.value(), 0u) << "the store's failure is not the message's";
}

TEST_F(MessageStorageTest, WhatAReopenedTableLostIsStoredAgain) {
  make(0);
  const auto all = messages(1, 20);
  memory_.write_log(all);
  storage_->accept(all);
  EXPECT_TRUE(wait_for(20));
  memory_.lose_after(12);
  storage_->start_over();
  EXPECT_TRUE(wait_for(20)) << "though nothing new was published";
  EXPECT_EQ(memory_.stored_positions(), up_to(20));
  EXPECT_EQ(storage_->status().settled, 20u);
}

TEST_F(MessageStorageTest, RedrivesOfOtherQueuesAreNotStoredAgain) {
  make(0);
  auto redriven = std::make_shared<model::Message>(*message(2));
  redriven->redrive = model::Message::Redrive{"WebSocketFifoQueue", {}};
  storage_->accept({message(1), redriven, message(3)});
  EXPECT_TRUE(wait_for(3));
  EXPECT_EQ(memory_.stored_positions(), (std::set<Position>{1, 3}));
}

TEST_F(MessageStorageTest, SettledPositionsAreNotStoredAfterARestart) {
  memory_.write_log(messages(1, 5));
  memory_.marks = {2, 4};
  make(5);
  EXPECT_TRUE(wait_for(5));
  EXPECT_EQ(memory_.stored_positions(), (std::set<Position>{1, 3, 5}));
  EXPECT_TRUE(memory_.locked(&Memory::marks).empty());
}

TEST_F(MessageStorageTest, StopStoresWhatIsKnownOf) {
  make(0);
  storage_->accept(messages(1, 500));
  storage_->stop();
  EXPECT_EQ(memory_.stored_positions(), up_to(500));
  const auto late = wait_for(501);
  ASSERT_FALSE(late);
  EXPECT_TRUE(late.error().is(model::errors::kUnavailable));
}

TEST_F(MessageStorageTest, StopEndsWhatWaits) {
  memory_.refuse_writes = 1'000'000;
  make(0);
  storage_->accept(messages(1, 1));
  std::promise<Result<void>> answer;
  storage_->when_stored(1, [&](Result<void> outcome) { answer.set_value(std::move(outcome)); });
  storage_->stop();
  const auto outcome = answer.get_future().get();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(model::errors::kUnavailable));
}

TEST_F(MessageStorageTest, ABoundedNumberMayWait) {
  memory_.hold(true);
  make(0);
  storage_->accept(messages(1, 1));
  std::atomic<int> overloaded{0}, reached{0};
  for (int i = 0; i < 10'001; ++i)
    storage_->when_stored(1, [&](Result<void> outcome) {
      outcome ? ++reached : ++overloaded;
      if (!outcome) EXPECT_TRUE(outcome.error().is(model::errors::kOverloaded));
    });
  EXPECT_EQ(overloaded, 1);
  memory_.hold(false);
  storage_->stop();
  EXPECT_EQ(reached, 10'000);
}

TEST_F(MessageStorageTest, OldestWaitingIsKnown) {
  memory_.hold(true);
  make(0);
  storage_->accept(messages(1, 1));
  while (memory_.locked(&Memory::writes) == 0) std::this_thread::yield();
  storage_->accept(messages(2, 3));
  EXPECT_EQ(storage_->status().depth(), 3u);
  EXPECT_EQ(storage_->status().oldest_waiting, 1001);
  memory_.hold(false);
  EXPECT_TRUE(wait_for(3));
  EXPECT_FALSE(storage_->status().oldest_waiting);
}

}  // namespace
}  // namespace carillon::message_storage
