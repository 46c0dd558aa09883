#include "bus/rate_limiter.hpp"

#include <gtest/gtest.h>

namespace carillon::bus {
namespace {

using std::chrono::milliseconds;
const base::Monotonic kStart{};

TEST(RateLimiter, BurstThenTheRate) {
  RateLimiter limiter(100, 5, 10);
  for (int at = 0; at < 5; ++at) EXPECT_EQ(limiter.take("a", kStart), 0);
  EXPECT_EQ(limiter.take("a", kStart), 10);
  EXPECT_EQ(limiter.take("b", kStart), 0) << "another key";
  EXPECT_EQ(limiter.take("a", kStart + milliseconds(4)), 6);
  EXPECT_EQ(limiter.take("a", kStart + milliseconds(10)), 0);
  EXPECT_EQ(limiter.take("a", kStart + milliseconds(10)), 10);
}

TEST(RateLimiter, SeveralTokensAreTakenTogetherOrNotAtAll) {
  RateLimiter limiter(100, 10, 10);
  EXPECT_EQ(limiter.take("a", kStart, 7), 0);
  EXPECT_EQ(limiter.take("a", kStart, 4), 10);
  EXPECT_EQ(limiter.take("a", kStart, 3), 0) << "nothing was taken for the four";
  EXPECT_EQ(limiter.take("a", kStart + milliseconds(99), 10), 1);
  EXPECT_EQ(limiter.take("a", kStart + milliseconds(100), 50), 0) << "more than there can be is all there is";
}

TEST(RateLimiter, WhoComesBackWhenToldIsLetIn) {
  for (const double rate : {0.3, 1.0, 3.0, 7.0, 100.0, 999.0}) {
    RateLimiter limiter(rate, 1, 10);
    base::Monotonic now = kStart;
    for (int at = 0; at < 50; ++at) {
      EXPECT_EQ(limiter.take("a", now), 0) << rate;
      const auto wait = limiter.take("a", now);
      EXPECT_GT(wait, 0);
      if (wait > 1) {
        EXPECT_GT(limiter.take("a", now + milliseconds(wait - 1)), 0) << rate;
      }
      now += milliseconds(wait);
    }
  }
}

TEST(RateLimiter, NeverMoreThanTheBurst) {
  RateLimiter limiter(100, 3, 10);
  EXPECT_EQ(limiter.take("a", kStart), 0);
  const auto later = kStart + std::chrono::hours(1);
  for (int at = 0; at < 3; ++at) EXPECT_EQ(limiter.take("a", later), 0);
  EXPECT_GT(limiter.take("a", later), 0);
}

TEST(RateLimiter, ZeroIsNoLimit) {
  RateLimiter limiter(0, 1, 10);
  for (int at = 0; at < 1000; ++at) EXPECT_EQ(limiter.take("a", kStart), 0);
  EXPECT_EQ(limiter.keys(), 0u);
}

TEST(RateLimiter, NewLimitsHoldAtOnce) {
  RateLimiter limiter(100, 5, 10);
  for (int at = 0; at < 6; ++at) limiter.take("a", kStart);
  limiter.set_limits(1, 5);
  EXPECT_EQ(limiter.take("a", kStart), 1000);
  limiter.set_limits(0, 5);
  EXPECT_EQ(limiter.take("a", kStart), 0);
}

TEST(RateLimiter, ForgetsFullBucketsBeforeEmptyOnes) {
  RateLimiter limiter(1, 100, 2);
  for (int at = 0; at < 100; ++at) EXPECT_EQ(limiter.take("drained", kStart), 0);
  EXPECT_EQ(limiter.take("idle", kStart), 0);
  EXPECT_EQ(limiter.take("new", kStart + milliseconds(1001)), 0);
  EXPECT_EQ(limiter.keys(), 2u);
  EXPECT_EQ(limiter.take("drained", kStart + milliseconds(1001)), 0);
  EXPECT_GT(limiter.take("drained", kStart + milliseconds(1001)), 0)
      << "longest ago, yet not the one forgotten";
}

TEST(RateLimiter, ForgetsTheFullestWhenNoneIsFull) {
  RateLimiter limiter(1, 10, 2);
  for (int at = 0; at < 9; ++at) limiter.take("empty", kStart);
  limiter.take("fuller", kStart);
  limiter.take("new", kStart);
  EXPECT_EQ(limiter.keys(), 2u);
  EXPECT_EQ(limiter.take("empty", kStart), 0);
  EXPECT_GT(limiter.take("empty", kStart), 0);
}

TEST(RateLimiter, AnyNumberOfKeysStaysBounded) {
  RateLimiter limiter(1, 2, 100);
  for (int at = 0; at < 10'000; ++at) {
    limiter.take("user" + std::to_string(at), kStart + milliseconds(at));
    ASSERT_LE(limiter.keys(), 100u);
  }
}

}  // namespace
}  // namespace carillon::bus
