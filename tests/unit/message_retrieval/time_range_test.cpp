#include "message_retrieval/time_range.hpp"

#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon::message_retrieval {
namespace {

constexpr base::EpochMs kNewYear = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

std::optional<base::EpochMs> from_of(const std::string& text) {
  const auto range = parse_time_range(text, std::nullopt);
  return range ? range->from : std::nullopt;
}

std::optional<base::EpochMs> to_of(const std::string& text) {
  const auto range = parse_time_range(std::nullopt, text);
  return range ? range->to : std::nullopt;
}

TEST(TimeRange, WithoutBoundsEverything) {
  EXPECT_EQ(parse_time_range(std::nullopt, std::nullopt), TimeRange{});
}

TEST(TimeRange, WholeMillisecondsAreExact) {
  for (const char* text : {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00+01:00",
                           "2025-12-31T18:30:00.000000-05:30"}) {
    EXPECT_EQ(from_of(text), kNewYear) << text;
    EXPECT_EQ(to_of(text), kNewYear) << text;
  }
}

TEST(TimeRange, APlusThatTheQueryMadeASpace) {
  EXPECT_EQ(from_of("2026-01-01T01:00:00 01:00"), kNewYear);
  EXPECT_EQ(from_of("2026-01-01 01:00:00+01:00"), std::nullopt);
  EXPECT_EQ(from_of("2026-01-01T01:00:00  1:00"), std::nullopt);
}

TEST(TimeRange, PartsOfAMillisecondNarrowTheRange) {
  EXPECT_EQ(from_of("2026-01-01T00:00:00.0001Z"), kNewYear + 1);
  EXPECT_EQ(from_of("2026-01-01T00:00:00.999999999Z"), kNewYear + 1000);
  EXPECT_EQ(from_of("2026-01-01T00:00:00.001000000Z"), kNewYear + 1);
  EXPECT_EQ(from_of("1969-12-31T23:59:59.9995Z"), 0);
  EXPECT_EQ(to_of("2026-01-01T00:00:00.0009Z"), kNewYear);
  EXPECT_EQ(to_of("2026-01-01T00:00:00.999999999Z"), kNewYear + 999);
  EXPECT_EQ(to_of("1969-12-31T23:59:59.9995Z"), -1);
}

TEST(TimeRange, FromAfterToIsRefusedHoweverSmallTheDifference) {
  const std::string early = "2026-01-01T00:00:00.0001Z", late = "2026-01-01T01:00:00.000100001+01:00";
  const auto refused = parse_time_range(late, early);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(model::errors::kInvalidParameter));
  EXPECT_EQ(refused.error().details(), "fromTimestamp must not be after toTimestamp");
  EXPECT_EQ(parse_time_range(early, late), (TimeRange{kNewYear + 1, kNewYear}));
  EXPECT_EQ(parse_time_range(early, early), (TimeRange{kNewYear + 1, kNewYear}));
  EXPECT_EQ(parse_time_range("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            (TimeRange{kNewYear, kNewYear}));
}

TEST(TimeRange, WhatIsNoTimeIsRefusedByName) {
  for (const char* bad :
       {"", " ", "now", "1767225600000", "2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.0000000001Z",
        "2026-01-01T00:00:00Z ", "+2026-01-01T00:00:00Z"}) {
    const auto from = parse_time_range(bad, std::nullopt);
    ASSERT_FALSE(from) << bad;
    EXPECT_EQ(from.error().details(), "fromTimestamp must be a time such as 2026-01-01T00:00:00.000Z");
    const auto to = parse_time_range(std::nullopt, bad);
    ASSERT_FALSE(to) << bad;
    EXPECT_EQ(to.error().details(), "toTimestamp must be a time such as 2026-01-01T00:00:00.000Z");
  }
}

RC_GTEST_PROP(TimeRangeProperty, ReadsBackEveryTime, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  const auto time = static_cast<base::EpochMs>(random() % 253'402'300'799'999);
  RC_ASSERT((from_of(base::iso8601(time)) == time));
  RC_ASSERT((to_of(base::iso8601(time)) == time));
}

}  // namespace
}  // namespace carillon::message_retrieval
