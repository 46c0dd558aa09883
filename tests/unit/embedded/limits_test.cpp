#include <gtest/gtest.h>

#include "embedded/disk_space.hpp"
#include "embedded/retention.hpp"

namespace carillon::embedded {
namespace {

using model::TargetClass;
using std::chrono::hours;

TEST(Retention, LongestPrefixOfAChatCounts) {
  const Retention retention{hours(30),
                            {{"support-", hours(7)}, {"support-vip-", hours(90)}, {"t", hours(1)}}};
  EXPECT_EQ(retention.for_target(TargetClass::chat, "support-vip-1"), hours(90));
  EXPECT_EQ(retention.for_target(TargetClass::chat, "support-z"), hours(7));
  EXPECT_EQ(retention.for_target(TargetClass::chat, "support-"), hours(7));
  EXPECT_EQ(retention.for_target(TargetClass::chat, "support"), hours(30));
  EXPECT_EQ(retention.for_target(TargetClass::chat, "tea"), hours(1));
  EXPECT_EQ(retention.for_target(TargetClass::user, "support-1"), hours(30));
}

TEST(Retention, EndsAtItsTime) {
  const Retention retention{base::milliseconds(100), {}};
  EXPECT_FALSE(retention.expired(TargetClass::chat, "a", 1000, 1099));
  EXPECT_TRUE(retention.expired(TargetClass::chat, "a", 1000, 1100));
}

TEST(DiskSpace, ClosesBelowTheReserveAndOpensWellAboveIt) {
  DiskSpaceGuard guard(1000);
  EXPECT_TRUE(guard.admit({1000, 100'000}));
  EXPECT_FALSE(guard.admit({999, 100'000}));
  EXPECT_FALSE(guard.admit({1249, 100'000}));
  EXPECT_FALSE(guard.open());
  EXPECT_TRUE(guard.admit({1250, 100'000}));
}

TEST(DiskSpace, DefaultReserveFollowsTheDisk) {
  const DiskSpaceGuard guard;
  EXPECT_EQ(guard.reserve_for({0, 1ull << 30}), DiskSpaceGuard::kLeastReserve);
  EXPECT_EQ(guard.reserve_for({0, 100ull << 30}), 2ull << 30);
  EXPECT_EQ(guard.reserve_for({0, 100ull << 40}), DiskSpaceGuard::kMostReserve);
}

TEST(DiskSpace, ProbeReadsTheFileSystem) {
  const auto space = probe_disk_space("/tmp");
  ASSERT_TRUE(space);
  EXPECT_GT(space->total, 0u);
  EXPECT_LE(space->available, space->total);
  const auto nowhere = probe_disk_space("/nonexistent-directory");
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().details().find("/nonexistent-directory"), std::string::npos);
}

}  // namespace
}  // namespace carillon::embedded
