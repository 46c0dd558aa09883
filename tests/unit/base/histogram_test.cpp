#include "base/histogram.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace carillon::base {
namespace {

using Values = std::vector<std::uint64_t>;

/// From all of its range at once, instead of more of it by and by.
template <typename T>
rc::Gen<T> whole(rc::Gen<T> gen) {
  return rc::gen::resize(rc::kNominalSize, std::move(gen));
}

/// Any whole number of up to 40 bits, the same many of each length: a tail as heavy as can be.
rc::Gen<std::uint64_t> heavy_tailed() {
  return whole(rc::gen::mapcat(rc::gen::inRange(0, 41), [](int bits) {
    return rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << bits);
  }));
}

rc::Gen<std::uint64_t> near(std::uint64_t value, std::uint64_t width) {
  return whole(rc::gen::inRange<std::uint64_t>(value - std::min(value, width),
                                               std::min(value + width, log_linear::kMaxValue) + 1));
}

/// Samples of some shape: heavy tails, narrow humps, all alike, few different, mostly small with outliers.
Values samples() {
  const auto size = *whole(rc::gen::inRange<std::size_t>(1, 2000));
  const std::uint64_t one = *heavy_tailed(), other = *heavy_tailed();
  const auto narrow = near(one, one / 10 + 1);
  const auto shape =
      *rc::gen::element(heavy_tailed(), rc::gen::just(one), rc::gen::element(one, other), narrow,
                        rc::gen::oneOf(narrow, near(other, other / 100 + 1)),
                        rc::gen::weightedOneOf<std::uint64_t>({{99, narrow}, {1, heavy_tailed()}}),
                        rc::gen::inRange<std::uint64_t>(0, 128));
  return *rc::gen::container<Values>(size, shape);
}

Histogram of(const Values& values) {
  Histogram made;
  for (const std::uint64_t each : values) made.add(each);
  return made;
}

/// The exact value of that rank, counted in whole numbers.
std::uint64_t nearest_rank(const Values& sorted, std::size_t percent) {
  return sorted[std::max<std::size_t>((percent * sorted.size() + 99) / 100, 1) - 1];
}

TEST(Histogram, PercentilesAreWithinTwoPercentOfSorting) {
  EXPECT_TRUE(rc::check([] {
    Values values = samples();
    const Histogram histogram = of(values);
    std::ranges::sort(values);
    for (const std::size_t percent : {50, 90, 95, 99}) {
      const auto exact = static_cast<double>(nearest_rank(values, percent));
      const double found = histogram.quantile(static_cast<double>(percent) / 100);
      if (std::abs(found - exact) > 0.02 * exact)
        RC_FAIL("p" + std::to_string(percent) + " of " + std::to_string(values.size()) + ": " +
                std::to_string(found) + " instead of " + std::to_string(exact));
    }
    RC_ASSERT(histogram.min() == values.front());
    RC_ASSERT(histogram.max() == values.back());
    RC_ASSERT(histogram.quantile(0) >= static_cast<double>(values.front()));
    RC_ASSERT(histogram.quantile(1) <= static_cast<double>(values.back()));
  }));
}

TEST(Histogram, SmallNumbersAndSingleOnesAreExact) {
  EXPECT_TRUE(rc::check([] {
    const std::uint64_t value = *heavy_tailed();
    Histogram histogram;
    histogram.add(value, *rc::gen::inRange<std::uint64_t>(1, 1000));
    RC_ASSERT(histogram.quantile(0.5) == static_cast<double>(value));
  }));
  Values all(64);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const Histogram histogram = of(all);
  for (std::size_t percent = 1; percent <= 100; ++percent)
    EXPECT_EQ(histogram.quantile(static_cast<double>(percent) / 100), nearest_rank(all, percent)) << percent;
}

TEST(Histogram, MergingIsAddingAll) {
  EXPECT_TRUE(rc::check([] {
    const Values first = samples(), second = samples();
    Values both = first;
    both.insert(both.end(), second.begin(), second.end());
    Histogram merged = of(first);
    merged.merge(of(second));
    RC_ASSERT(merged == of(both));
    merged.merge(Histogram());
    RC_ASSERT(merged == of(both));
    Histogram empty;
    empty.merge(of(both));
    RC_ASSERT(empty == of(both));
  }));
}

TEST(Histogram, SinceIsWhatCame) {
  EXPECT_TRUE(rc::check([] {
    const Values before = *rc::gen::oneOf(rc::gen::just(Values{}), rc::gen::exec(samples));
    const Values later = *rc::gen::oneOf(rc::gen::just(Values{}), rc::gen::exec(samples));
    const Histogram earlier = of(before);
    Histogram now = earlier;
    for (const std::uint64_t each : later) now.add(each);
    const Histogram rest = now.since(earlier), exact = of(later);
    RC_ASSERT(rest.count() == exact.count());
    RC_ASSERT(rest.sum() == exact.sum());
    RC_ASSERT(std::ranges::equal(rest.buckets(), exact.buckets()));
    if (later.empty()) return;
    // Extremes are in the same bucket, and not beyond what there ever was.
    RC_ASSERT(rest.min() <= exact.min());
    RC_ASSERT(rest.max() >= exact.max());
    RC_ASSERT(rest.min() >= now.min());
    RC_ASSERT(rest.max() <= now.max());
    RC_ASSERT(log_linear::bucket_of(rest.min()) == log_linear::bucket_of(exact.min()));
    RC_ASSERT(log_linear::bucket_of(rest.max()) == log_linear::bucket_of(exact.max()));
    Histogram again = earlier;
    again.merge(rest);
    RC_ASSERT(std::ranges::equal(again.buckets(), now.buckets()));
    RC_ASSERT(again.sum() == now.sum());
  }));
}

TEST(Histogram, SinceSomethingThatCannotHaveBeenIsAllOfIt) {
  const Histogram now = of({5, 900, 70'000});
  EXPECT_EQ(now.since(of({5, 5})), now) << "two of what there is one";
  EXPECT_EQ(now.since(of({1u << 30})), now) << "further up than there is anything";
  EXPECT_EQ(now.since(Histogram::of_parts({0, 0, 0, 0, 0, 1}, 80'000, 5, 5)), now) << "a larger sum";
  EXPECT_EQ(now.since(now), Histogram());
  EXPECT_EQ(now.since(Histogram()), now);
}

TEST(Histogram, BucketsCoverEverythingWithoutGaps) {
  EXPECT_EQ(log_linear::lowest_of(0), 0u);
  EXPECT_EQ(log_linear::highest_of(log_linear::kBuckets - 1), log_linear::kMaxValue);
  for (std::size_t i = 0; i < log_linear::kBuckets; ++i) {
    const std::uint64_t low = log_linear::lowest_of(i), high = log_linear::highest_of(i);
    ASSERT_EQ(log_linear::bucket_of(low), i);
    ASSERT_EQ(log_linear::bucket_of(high), i);
    if (i > 0) {
      ASSERT_EQ(low, log_linear::highest_of(i - 1) + 1);
    }
    ASSERT_LE(static_cast<double>(high - low) / 2, 0.016 * static_cast<double>(low)) << i;
  }
  EXPECT_EQ(log_linear::bucket_of(~std::uint64_t{0}), log_linear::kBuckets - 1);
}

TEST(Histogram, CountsWhatIsAtMost) {
  EXPECT_TRUE(rc::check([] {
    const Values values = samples();
    const Histogram histogram = of(values);
    for (int bits = 0; bits <= 40; ++bits) {
      const std::uint64_t bound = (std::uint64_t{1} << bits) - 1;
      const auto exact = std::ranges::count_if(values, [&](std::uint64_t each) { return each <= bound; });
      RC_ASSERT(histogram.at_most(bound) == static_cast<std::uint64_t>(exact));
    }
  }));
}

TEST(Histogram, WhatIsTooLargeIsCountedAndTheEmptyOneSaysNothing) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0);
  EXPECT_EQ(histogram.average(), 0);
  histogram.add(7, 0);
  EXPECT_TRUE(histogram.empty());
  const std::uint64_t huge = log_linear::kMaxValue * 1000;
  histogram.add(huge);
  EXPECT_EQ(histogram.quantile(0.99), static_cast<double>(huge));
  EXPECT_EQ(histogram.sum(), huge);
  histogram.add(1);
  EXPECT_EQ(histogram.max(), huge);
  EXPECT_EQ(histogram.since(of({1})).count(), 1u);
}

}  // namespace
}  // namespace carillon::base
