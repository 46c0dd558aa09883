#include "embedded/delivery_results.hpp"

#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded::testing {
namespace {

ports::UserListPtr user(const std::string& name) {
  return ports::list_of(model::UserId(name));
}

class DeliveryResultsTest : public StoreTest {
 protected:
  void flush(bool reported = true) {
    commit([&](CommitBatch& batch) { results_.stage(batch, now_); });
    results_.written(reported);
  }
  /// As LocalTrace asks: what is on disk, and what is not yet.
  DeliveryTotals totals(const model::Message& message) {
    auto sum = store_->delivery_result(message.position, message.id, {.before = results_.next_flush()});
    EXPECT_TRUE(sum);
    const DeliveryTotals waiting = results_.find(message);
    sum->add(waiting.delivered, waiting.gone, waiting.users);
    return *sum;
  }
  void expect(const model::Message& message, std::uint64_t delivered, std::uint64_t gone,
              std::vector<std::string> names) {
    const DeliveryTotals sum = totals(message);
    EXPECT_EQ(sum.delivered, delivered);
    EXPECT_EQ(sum.gone, gone);
    std::vector<std::string> found;
    if (sum.users)
      for (const model::UserId& each : *sum.users) found.push_back(each.str());
    EXPECT_EQ(found, names);
  }

  int asked_ = 0;
  DeliveryResults results_{[this] { ++asked_; }};
};

TEST_F(DeliveryResultsTest, AreFoundBeforeAndAfterTheyAreOnDisk) {
  const auto one = sample_message(1), far = sample_message(5000);
  results_.add(one, 2, 1, user("ann"));
  results_.add(far, 1, 0, user("bob"));
  expect(one, 2, 1, {"ann"});
  CommitBatch batch;
  results_.stage(batch, now_);
  expect(one, 2, 1, {"ann"});
  ASSERT_TRUE(store_->write_synced(batch, store_->generation()));
  expect(one, 2, 1, {"ann"});
  results_.written(true);
  EXPECT_TRUE(results_.empty());
  expect(one, 2, 1, {"ann"});
  expect(far, 1, 0, {"bob"});
  expect(sample_message(2), 0, 0, {});
  EXPECT_TRUE(store_->verify());
}

TEST_F(DeliveryResultsTest, OfSeveralFlushesAddUp) {
  const auto message = sample_message(77);
  results_.add(message, 1, 0, user("ann"));
  flush();
  results_.add(message, 1, 1, user("bob"));
  flush();
  results_.add(message, 1, 0, user("ann"));
  expect(message, 3, 1, {"ann", "bob"});
}

TEST_F(DeliveryResultsTest, ARestartNeverOverwritesWhatIsThere) {
  const auto message = sample_message(77);
  results_.add(message, 1, 0, user("ann"));
  flush();
  reopen();
  EXPECT_EQ(store_->last_delivery_flush(), 1u);
  DeliveryResults after{[] {}};
  after.start_after(*store_->last_delivery_flush());
  after.add(message, 1, 0, user("bob"));
  commit([&](CommitBatch& batch) { after.stage(batch, now_); });
  after.written(true);
  const auto sum = store_->delivery_result(message.position, message.id);
  EXPECT_EQ(sum->delivered, 2u);
}

TEST_F(DeliveryResultsTest, AFailedCommitComesWithTheNextOneAndCountsOnce) {
  const auto one = sample_message(1), two = sample_message(2);
  results_.add(one, 1, 0, user("ann"));
  CommitBatch lost;
  results_.stage(lost, now_);
  results_.written(false);
  EXPECT_FALSE(results_.empty());
  expect(one, 1, 0, {"ann"});
  results_.add(two, 1, 0, user("bob"));
  flush(false);  // on disk, though the writer could not tell
  expect(one, 1, 0, {"ann"});
  results_.add(two, 0, 1, nullptr);
  flush();
  expect(one, 1, 0, {"ann"});
  expect(two, 1, 1, {"bob"});
  EXPECT_TRUE(results_.empty());
}

TEST_F(DeliveryResultsTest, StagedTwiceInOneBatchIsWrittenOnce) {
  const auto message = sample_message(1);
  results_.add(message, 1, 0, user("ann"));
  commit([&](CommitBatch& batch) {
    results_.stage(batch, now_);
    results_.add(message, 1, 0, user("bob"));
    results_.stage(batch, now_);
  });
  results_.written(true);
  results_.written(true);
  expect(message, 2, 0, {"ann", "bob"});
}

TEST_F(DeliveryResultsTest, CopiesFromDeadLetterQueuesAreFoundByTheirMessage) {
  auto message = sample_message(10);
  results_.add(message, 1, 0, user("ann"));
  auto copy = message;
  copy.position = 4000;
  copy.redrive = model::Message::Redrive{"WebSocketFifoQueue", {model::UserId("bob")}};
  results_.add(copy, 1, 0, user("bob"));
  expect(message, 2, 0, {"ann", "bob"});
  flush();
  expect(message, 2, 0, {"ann", "bob"});
  expect(sample_message(4000), 0, 0, {});
}

TEST_F(DeliveryResultsTest, NobodyReachedIsNotWorthARecord) {
  results_.add(sample_message(1), 0, 0, nullptr);
  EXPECT_TRUE(results_.empty());
}

TEST_F(DeliveryResultsTest, AreBoundedAndSayWhatTheyDrop) {
  DeliveryResults small([this] { ++asked_; }, {.many = 3, .most = 5, .name_bytes = 100});
  const auto long_name = [](int n) { return user(std::string(30, static_cast<char>('a' + n))); };
  for (int n = 0; n < 7; ++n) small.add(sample_message(1 + n), 1, 0, long_name(n));
  EXPECT_EQ(asked_, 1) << "once, when there are many";
  EXPECT_EQ(small.dropped(), 2u);
  EXPECT_EQ(small.names_dropped(), 4u) << "one of 62 bytes fits into 100";
  EXPECT_TRUE(small.find(sample_message(1)).users);
  EXPECT_FALSE(small.find(sample_message(5)).users);
  EXPECT_EQ(small.find(sample_message(5)).delivered, 1u);
  EXPECT_EQ(small.find(sample_message(6)).delivered, 0u);
}

TEST_F(DeliveryResultsTest, ExpireWithTheLongestRetention) {
  Retention retention{std::chrono::hours(1), {{"long", std::chrono::hours(5)}}};
  store_->set_retention(retention);
  results_.add(sample_message(1), 1, 0, user("ann"));
  flush();
  now_ += 4 * 3'600'000;
  ASSERT_TRUE(store_->compact());
  expect(sample_message(1), 1, 0, {"ann"});
  now_ += 3'600'000;
  ASSERT_TRUE(store_->compact());
  expect(sample_message(1), 0, 0, {});
  EXPECT_EQ(store_->last_delivery_flush(), 1u) << "the next one must have another number";
}

}  // namespace
}  // namespace carillon::embedded::testing
