#include "bus/dead_letter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::bus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

model::MessageId id(std::uint8_t byte) {
  model::MessageId::Bytes bytes{};
  bytes[0] = byte;
  return model::MessageId(bytes);
}

DeadLetterIndex::Limits limits() {
  return {.retention = std::chrono::milliseconds(1000), .max_bytes = 100, .max_count = 4};
}

TEST(DeadLetterIndex, ListsAndFinds) {
  DeadLetterIndex index(limits());
  index.add(10, id(1), 100, 20);
  index.add(11, id(2), 101, 20);
  index.add(12, id(1), 102, 20);
  EXPECT_EQ(index.depth(), 3u);
  EXPECT_EQ(index.bytes(), 60u);
  EXPECT_EQ(index.oldest_dead_at(), 100);
  EXPECT_THAT(index.oldest(2), ElementsAre(10, 11));
  EXPECT_THAT(index.oldest(0), IsEmpty());
  EXPECT_THAT(index.find(id(1)), ElementsAre(10, 12)) << "it died again after a redrive";
  EXPECT_THAT(index.find(id(9)), IsEmpty());
  EXPECT_TRUE(index.remove(10));
  EXPECT_FALSE(index.remove(10));
  EXPECT_THAT(index.find(id(1)), ElementsAre(12));
  EXPECT_EQ(index.bytes(), 40u);
  EXPECT_THAT(index.oldest(10), ElementsAre(11, 12));
}

TEST(DeadLetterIndex, MessagesDieInAnyOrder) {
  DeadLetterIndex index(limits());
  index.add(12, id(2), 100, 25);
  index.add(10, id(1), 200, 25);
  index.add(12, id(2), 300, 25);
  EXPECT_EQ(index.depth(), 2u) << "the same letter twice is one";
  EXPECT_THAT(index.oldest(9), ElementsAre(12, 10));
  EXPECT_EQ(index.oldest_dead_at(), 100);
  EXPECT_THAT(index.over_limits(1100), ElementsAre(12));
  EXPECT_TRUE(index.remove(12));
  EXPECT_THAT(index.find(id(2)), IsEmpty());
  EXPECT_EQ(index.bytes(), 25u);
}

TEST(DeadLetterIndex, DropsTheOldestByAgeSizeAndNumber) {
  DeadLetterIndex index(limits());
  for (model::Position at = 1; at <= 4; ++at)
    index.add(at, id(static_cast<std::uint8_t>(at)), static_cast<base::EpochMs>(at) * 100, 25);
  EXPECT_THAT(index.over_limits(400), IsEmpty());
  EXPECT_EQ(index.next_expiry(), 1100);
  EXPECT_THAT(index.over_limits(1099), IsEmpty());
  EXPECT_THAT(index.over_limits(1100), ElementsAre(1));
  EXPECT_THAT(index.over_limits(1200), ElementsAre(1, 2));
  index.add(5, id(5), 500, 0);
  EXPECT_THAT(index.over_limits(500), ElementsAre(1)) << "too many";
  index.remove(5);
  index.add(6, id(6), 500, 26);
  EXPECT_THAT(index.over_limits(500), ElementsAre(1, 2)) << "too large";
  for (const model::Position place : index.oldest(9)) index.remove(place);
  EXPECT_FALSE(index.next_expiry());
  EXPECT_EQ(index.bytes(), 0u);
}

}  // namespace
}  // namespace carillon::bus
