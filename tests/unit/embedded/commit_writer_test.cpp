#include "embedded/commit_writer.hpp"

#include <algorithm>
#include <future>
#include <semaphore>

#include "model/errors.hpp"
#include "unit/embedded/failing_disk.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Position;
using testing::sample_message;
using testing::store_one;

class CommitWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    StoreOptions options;
    options.env = disk_.env.get();
    auto opened = Store::open(directory_.path(), options);
    ASSERT_TRUE(opened) << opened.error().details();
    store_ = std::move(*opened);
    writer_ =
        std::make_unique<CommitWriter>(*store_, CommitWriter::Listener{[this] { failed_.release(); },
                                                                       [this](std::uint64_t generation) {
                                                                         generation_ = generation;
                                                                         reopened_.release();
                                                                       }});
  }
  base::Result<void> commit(Position position, std::uint64_t generation) {
    CommitBatch batch;
    batch.add_message(sample_message(position));
    batch.set_sequence("chat-1", position);
    std::promise<base::Result<void>> answer;
    writer_->submit(std::move(batch), generation, [&](base::Result<void> outcome, CommitBatch back) {
      EXPECT_TRUE(back.empty());
      answer.set_value(std::move(outcome));
    });
    return answer.get_future().get();
  }

  testing::FailingDisk disk_;
  testing::TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  std::counting_semaphore<> failed_{0}, reopened_{0};
  std::atomic<std::uint64_t> generation_{1};
  std::unique_ptr<CommitWriter> writer_;
};

TEST_F(CommitWriterTest, CommitsInOrderAndCounts) {
  std::vector<Position> order;
  std::promise<void> all;
  for (Position position = 1; position <= 50; ++position) {
    CommitBatch batch;
    batch.add_message(sample_message(position));
    writer_->submit(std::move(batch), 1, [&, position](base::Result<void> outcome, CommitBatch) {
      EXPECT_TRUE(outcome);
      order.push_back(position);
      if (position == 50) all.set_value();
    });
  }
  all.get_future().wait();
  EXPECT_EQ(order.size(), 50u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
  EXPECT_EQ(store_->log_end()->position, 50u);
  const CommitFigures& figures = writer_->figures();
  EXPECT_EQ(figures.commits.value(), 50u);
  EXPECT_EQ(figures.changes.snapshot().sum(), 50u);
  EXPECT_EQ(figures.changes.snapshot().max(), 1u);
  EXPECT_EQ(figures.duration.snapshot().count(), 50u);
  EXPECT_GT(figures.duration.snapshot().sum(), 0u);
  EXPECT_GT(figures.bytes.value(), 50u * 100);
  EXPECT_EQ(figures.failures.value(), 0u);
}

TEST_F(CommitWriterTest, EndsOnlyOnceEverythingSubmittedIsCommitted) {
  int answered = 0;
  for (Position position = 1; position <= 20; ++position) {
    CommitBatch batch;
    batch.add_message(sample_message(position));
    writer_->submit(std::move(batch), 1,
                    [&](base::Result<void> outcome, CommitBatch) { answered += !!outcome; });
  }
  writer_.reset();
  EXPECT_EQ(answered, 20);
  EXPECT_EQ(store_->log_end()->position, 20u);
}

TEST_F(CommitWriterTest, AfterAFailedSyncNothingIsWrittenUntilReopened) {
  ASSERT_TRUE(commit(1, 1));
  disk_.fail_sync = true;
  disk_.fail_new_files = true;  // so that it cannot be reopened either
  const auto unknown = commit(2, 1);
  ASSERT_FALSE(unknown);
  EXPECT_TRUE(unknown.error().is(model::errors::kUnavailable));
  failed_.acquire();
  EXPECT_TRUE(store_->failed());
  disk_.fail_sync = false;
  for (Position position = 3; position < 6; ++position) {
    const auto refused = commit(position, 1);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(model::errors::kUnavailable));
  }
  EXPECT_FALSE(reopened_.try_acquire());

  disk_.fail_new_files = false;
  reopened_.acquire();
  EXPECT_EQ(generation_, 2u);
  const Position end = store_->log_end()->position;
  EXPECT_TRUE(end == 1 || end == 2) << "of unknown outcome, but never a later one: " << end;
  EXPECT_EQ(store_->sequence("chat-1").value(), end);
  EXPECT_FALSE(commit(end + 1, 1)) << "counted before the failure";
  EXPECT_TRUE(commit(end + 1, 2));
  EXPECT_EQ(store_->log_end()->position, end + 1);
  EXPECT_EQ(writer_->figures().reopened.value(), 1u);
  EXPECT_GE(writer_->figures().failures.value(), 4u);
  writer_.reset();
  ASSERT_TRUE(store_->reopen());
  EXPECT_TRUE(store_->verify());
  EXPECT_EQ(store_->log_end()->position, end + 1);
}

TEST_F(CommitWriterTest, FullDiskLosesNothingAndComesBack) {
  ASSERT_TRUE(commit(1, 1));
  disk_.fail_append = true;
  EXPECT_FALSE(commit(2, 1));
  failed_.acquire();
  disk_.fail_append = false;
  reopened_.acquire();
  EXPECT_EQ(store_->log_end()->position, 1u);
  EXPECT_TRUE(commit(2, generation_));
}

TEST_F(CommitWriterTest, FailedHistoryWriteReopensToo) {
  ASSERT_TRUE(commit(1, 1));
  disk_.fail_append = true;
  CommitBatch history;
  store_one(history, sample_message(1));
  EXPECT_FALSE(store_->write_unsynced(history, 1));
  failed_.acquire();
  disk_.fail_append = false;
  reopened_.acquire();
  store_one(history, sample_message(1));
  EXPECT_FALSE(store_->write_unsynced(history, 1));
  store_one(history, sample_message(1));
  EXPECT_TRUE(store_->write_unsynced(history, generation_));
}

TEST_F(CommitWriterTest, EndsWhileTheStoreIsDown) {
  disk_.fail_sync = true;
  disk_.fail_new_files = true;
  EXPECT_FALSE(commit(1, 1));
  failed_.acquire();
  writer_.reset();
  EXPECT_TRUE(store_->failed());
}

}  // namespace
}  // namespace carillon::embedded
