#include "message_storage/storage_progress.hpp"

#include <gtest/gtest.h>

namespace carillon::message_storage {
namespace {

using model::MessagePtr;
using model::Position;
using std::chrono::milliseconds;

constexpr std::string_view kOwn = "MessageStorageQueue";

MessagePtr message(Position position, std::string redrive_to = {}) {
  model::Message made;
  made.position = position;
  if (!redrive_to.empty()) made.redrive = model::Message::Redrive{std::move(redrive_to), {}};
  return std::make_shared<const model::Message>(std::move(made));
}

class StorageProgressTest : public ::testing::Test {
 protected:
  void take(Position first, Position last) {
    for (Position position = first; position <= last; ++position)
      EXPECT_TRUE(progress_.take(*message(position), kOwn));
  }
  StorageProgress progress_{{.max_attempts = 3, .retry_base = milliseconds(100)}};
  base::Monotonic now_{std::chrono::hours(1)};
};

TEST_F(StorageProgressTest, CursorFollowsWhatIsTaken) {
  progress_.resume(4, {});
  EXPECT_EQ(progress_.next(), 5u);
  EXPECT_EQ(progress_.cursor(), 4u);
  take(5, 9);
  EXPECT_EQ(progress_.cursor(), 9u);
  progress_.skip_to(20);
  EXPECT_EQ(progress_.cursor(), 19u);
  progress_.skip_to(7);
  EXPECT_EQ(progress_.next(), 20u);
}

TEST_F(StorageProgressTest, RedrivesOfOtherQueuesAndSettledMessagesAreLeftOut) {
  progress_.resume(0, {3, 5});
  EXPECT_FALSE(progress_.take(*message(1, "WebSocketFifoQueue"), kOwn));
  EXPECT_TRUE(progress_.take(*message(2, std::string(kOwn)), kOwn));
  EXPECT_FALSE(progress_.take(*message(3), kOwn));
  EXPECT_TRUE(progress_.take(*message(4), kOwn));
  EXPECT_EQ(progress_.cursor(), 4u);
  EXPECT_EQ(progress_.marks_up_to(4), (std::vector<Position>{3}));
  progress_.forget_marks(4);
  EXPECT_EQ(progress_.marks_up_to(9), (std::vector<Position>{5}));
}

TEST_F(StorageProgressTest, FailedMessageHoldsTheCursorAndIsTriedThreeTimes) {
  progress_.resume(0, {});
  take(1, 5);
  const MessagePtr third = message(3);
  progress_.failed(third, "no", now_);
  EXPECT_EQ(progress_.cursor(), 2u);
  EXPECT_EQ(progress_.cursor_after({third}), 5u);
  EXPECT_TRUE(progress_.due_again(now_ + milliseconds(99)).empty());
  EXPECT_EQ(progress_.next_due(), now_ + milliseconds(100));
  ASSERT_EQ(progress_.due_again(now_ + milliseconds(100)).size(), 1u);
  progress_.failed(third, "no", now_);
  EXPECT_EQ(progress_.next_due(), now_ + milliseconds(200));
  EXPECT_TRUE(progress_.take_exhausted(now_ + milliseconds(200)).empty());
  progress_.failed(third, "still no", now_);
  EXPECT_TRUE(progress_.due_again(now_ + milliseconds(9999)).empty());

  const auto exhausted = progress_.take_exhausted(now_);
  ASSERT_EQ(exhausted.size(), 1u);
  EXPECT_EQ(exhausted[0].attempts, 3);
  EXPECT_EQ(exhausted[0].reason, "still no");
  EXPECT_TRUE(progress_.take_exhausted(now_).empty()) << "handed over once";
  EXPECT_FALSE(progress_.next_due());
  EXPECT_EQ(progress_.cursor(), 2u);

  progress_.not_buried(3, now_);
  EXPECT_TRUE(progress_.take_exhausted(now_).empty());
  ASSERT_EQ(progress_.take_exhausted(*progress_.next_due()).size(), 1u);
  progress_.buried(3);
  EXPECT_EQ(progress_.cursor(), 5u);
  EXPECT_EQ(progress_.marks_up_to(5), (std::vector<Position>{3})) << "the mark goes with the cursor";
}

TEST_F(StorageProgressTest, RetryThatWorksReleasesTheCursor) {
  progress_.resume(0, {});
  take(1, 3);
  progress_.failed(message(1), "no", now_);
  progress_.failed(message(2), "no", now_);
  EXPECT_EQ(progress_.cursor(), 0u);
  progress_.stored(1);
  EXPECT_EQ(progress_.cursor(), 1u);
  progress_.stored(2);
  EXPECT_EQ(progress_.cursor(), 3u);
}

TEST_F(StorageProgressTest, ResumeForgets) {
  progress_.resume(0, {2});
  take(1, 1);
  progress_.failed(message(1), "no", now_);
  progress_.resume(0, {});
  EXPECT_EQ(progress_.failing(), 0u);
  take(1, 2);
  EXPECT_EQ(progress_.cursor(), 2u);
}

}  // namespace
}  // namespace carillon::message_storage
