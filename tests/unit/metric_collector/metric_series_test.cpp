#include "metric_collector/metric_series.hpp"

#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "unit/metric_collector/memory_series_table.hpp"

namespace carillon::metric_collector {
namespace {

using base::EpochMs;
using base::Histogram;
using ports::HistogramUnit;
using ports::MetricSet;
using ports::Resolution;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::MemorySeriesTable;

constexpr EpochMs kBegin = 1'800'000'000'000;  // a whole multiple of five minutes

/// What the service's rooms say, for a few metrics.
struct Figures {
  std::uint64_t published = 0;
  Histogram latency;
  std::vector<double> depths;
  std::vector<double> ages;

  MetricSet set() const {
    MetricSet made;
    made.counter("carillon_messages_published_total", "", published / 2, {{"type", "fifo"}});
    made.counter("carillon_messages_published_total", "", published - published / 2, {{"type", "standard"}});
    made.histogram("carillon_publisher_to_processor_latency_seconds", "", HistogramUnit::microseconds,
                   latency);
    for (const double each : depths) made.gauge("carillon_queue_depth", "", each, {{"queue", "q"}});
    for (const double each : ages)
      made.gauge("carillon_queue_oldest_age_seconds", "", each, {{"queue", "q"}});
    return made;
  }
};

class MetricSeriesTest : public ::testing::Test {
 protected:
  void take(EpochMs now) { series_->take(figures_.set(), now); }
  void restart(EpochMs now) {
    series_ = std::make_unique<MetricSeries>(table_);
    ASSERT_TRUE(series_->load(now));
    figures_ = {};
  }
  std::vector<SeriesPoint> points(std::string_view metric, EpochMs from, EpochMs to,
                                  std::chrono::milliseconds period = seconds(10)) {
    auto found = series_->points(*find_metric(metric), from, to, period);
    EXPECT_TRUE(found) << found.error().details();
    return found ? std::move(*found) : std::vector<SeriesPoint>();
  }
  /// Each point as its start, in seconds since kBegin, and its count.
  std::vector<std::pair<EpochMs, std::uint64_t>> counts(std::string_view metric, EpochMs from, EpochMs to,
                                                        std::chrono::milliseconds period = seconds(10)) {
    std::vector<std::pair<EpochMs, std::uint64_t>> found;
    for (const SeriesPoint& each : points(metric, from, to, period))
      found.emplace_back((each.start - kBegin) / 1000, each.values.count());
    return found;
  }
  using Counts = std::vector<std::pair<EpochMs, std::uint64_t>>;

  MemorySeriesTable table_;
  std::unique_ptr<MetricSeries> series_ = std::make_unique<MetricSeries>(table_);
  Figures figures_;
};

TEST_F(MetricSeriesTest, CountersBecomeEventsAndSilenceIsAPointOfZero) {
  figures_.published = 7;  // since the process began
  take(kBegin + 1000);
  figures_.published = 10;
  take(kBegin + 9000);
  take(kBegin + 12'000);
  figures_.published = 11;
  take(kBegin + 31'000);
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 60'000), (Counts{{0, 10}, {10, 0}, {30, 1}}))
      << "nothing ran from 20 to 30";
  const SeriesPoint first = points("MessagesPublished", kBegin, kBegin + 1).at(0);
  EXPECT_EQ(first.values.sum(), 10u);
  EXPECT_EQ(first.values.max(), 1u);
  EXPECT_EQ(points("MessagesPublished", kBegin + 10'000, kBegin + 10'001).at(0).values, Histogram());
  figures_.published = 4;
  take(kBegin + 32'000);
  EXPECT_EQ(counts("MessagesPublished", kBegin + 30'000, kBegin + 60'000), (Counts{{30, 5}}))
      << "a counter that fell began anew";
}

TEST_F(MetricSeriesTest, LatenciesAreWhatCameAndNoneMakesNoPoint) {
  figures_.latency.add(300);
  take(kBegin + 1000);
  figures_.latency.add(500);
  figures_.latency.add(700);
  take(kBegin + 11'000);
  take(kBegin + 21'000);
  take(kBegin + 31'000);
  EXPECT_EQ(counts("PublisherToProcessorLatency", kBegin, kBegin + 60'000), (Counts{{0, 1}, {10, 2}}));
  EXPECT_EQ(points("PublisherToProcessorLatency", kBegin, kBegin + 60'000).at(1).values.sum(), 1200u);
  EXPECT_TRUE(counts("ClientJitter", kBegin, kBegin + 60'000).empty()) << "nobody has these figures";
}

TEST_F(MetricSeriesTest, LevelsAreLookedAtAndAgesDoNotAddUp) {
  figures_.depths = {2.4, 3};
  figures_.ages = {2.4, 3};
  take(kBegin + 1000);
  figures_.depths = {-1};
  figures_.ages = {std::numeric_limits<double>::infinity()};
  take(kBegin + 2000);
  take(kBegin + 3000);
  const Histogram depth = points("QueueDepth", kBegin, kBegin + 1).at(0).values;
  EXPECT_EQ(depth.count(), 3u);
  EXPECT_EQ(depth.sum(), 5u);
  EXPECT_EQ(depth.max(), 5u);
  const Histogram age = points("QueueAge", kBegin, kBegin + 1).at(0).values;
  EXPECT_EQ(age.count(), 1u);
  EXPECT_EQ(age.max(), 3u);
}

TEST_F(MetricSeriesTest, OnlySamplesWithTheLabelCount) {
  MetricSet set;
  for (const char* status : {"200", "404", "429", "500"})
    set.counter("carillon_http_requests_total", "", 2, {{"route", "4"}, {"status", status}});
  series_->take(set, kBegin);
  EXPECT_EQ(counts("HttpRequests", kBegin, kBegin + 1), (Counts{{0, 8}}));
  EXPECT_EQ(counts("HttpClientErrors", kBegin, kBegin + 1), (Counts{{0, 4}}));
  EXPECT_EQ(counts("HttpServerErrors", kBegin, kBegin + 1), (Counts{{0, 2}}));
}

TEST_F(MetricSeriesTest, PeriodsBeginAtWholeMultiplesAndAreWhole) {
  for (EpochMs at = 0; at < 120; ++at) {
    figures_.published += 1;
    take(kBegin + at * 1000);
  }
  ASSERT_TRUE(series_->flush());
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 120'000, seconds(30)),
            (Counts{{0, 30}, {30, 30}, {60, 30}, {90, 30}}));
  EXPECT_EQ(counts("MessagesPublished", kBegin + 1, kBegin + 61'000, seconds(30)),
            (Counts{{30, 30}, {60, 30}}));
  EXPECT_EQ(counts("MessagesPublished", kBegin - 1'000'000, kBegin + 1, minutes(5)), (Counts{{0, 120}}));
  EXPECT_TRUE(counts("MessagesPublished", kBegin + 1, kBegin + 2, seconds(30)).empty());
  EXPECT_TRUE(counts("MessagesPublished", kBegin + 10, kBegin, seconds(30)).empty());
  EXPECT_EQ(counts("MessagesPublished", std::numeric_limits<EpochMs>::min(), kBegin + 120'000, seconds(60)),
            (Counts{{0, 60}, {60, 60}}));
}

TEST_F(MetricSeriesTest, BothResolutionsHaveTheSame) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Histogram all;
  for (EpochMs at = 0; at < 1200; ++at) {
    for (std::uint64_t left = random() % 4; left > 0; --left) {
      const std::uint64_t value = random() >> (24 + random() % 40);
      figures_.latency.add(value);
      all.add(value);
    }
    take(kBegin + at * 1000);
    if (random() % 7 == 0) {
      ASSERT_TRUE(series_->flush());
    }
  }
  const auto sum_of = [&](std::chrono::milliseconds period) {
    Histogram sum;
    for (const SeriesPoint& each : points("PublisherToProcessorLatency", kBegin, kBegin + 1'200'000, period))
      sum.merge(each.values);
    return sum;
  };
  for (const int length : {10, 60, 300, 600}) {
    const Histogram sum = sum_of(seconds(length));
    EXPECT_EQ(sum.count(), all.count());
    EXPECT_EQ(sum.sum(), all.sum());
    for (const double fraction : {0.5, 0.9, 0.95, 0.99})
      EXPECT_NEAR(sum.quantile(fraction), all.quantile(fraction), 0.02 * all.quantile(fraction)) << fraction;
  }
}

TEST_F(MetricSeriesTest, ARestartGoesOnWithTheCurrentSlots) {
  restart(kBegin);
  figures_.published = 5;
  figures_.latency.add(100);
  take(kBegin + 301'000);
  ASSERT_TRUE(series_->flush());
  figures_.published = 9;
  take(kBegin + 302'000);  // lost

  restart(kBegin + 304'000);
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 400'000), (Counts{{300, 5}})) << "before any look";
  figures_.published = 3;
  figures_.latency.add(900);
  take(kBegin + 305'000);
  ASSERT_TRUE(series_->flush());
  for (int restarts = 0; restarts < 2; ++restarts, restart(kBegin + 306'000)) {
    EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 400'000), (Counts{{300, 8}}));
    EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 400'000, minutes(5)), (Counts{{300, 8}}));
    EXPECT_EQ(points("PublisherToProcessorLatency", kBegin, kBegin + 400'000).at(0).values.sum(), 1000u);
  }
}

TEST_F(MetricSeriesTest, ATableThatCannotBeReadAtTheStartIsReadLater) {
  figures_.published = 5;
  take(kBegin);
  ASSERT_TRUE(series_->flush());
  series_ = std::make_unique<MetricSeries>(table_);
  table_.fails = true;
  EXPECT_FALSE(series_->load(kBegin + 1000));
  table_.fails = false;
  EXPECT_TRUE(series_->load(kBegin + 2000));
  take(kBegin + 2000);
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 1), (Counts{{0, 10}}));
}

TEST_F(MetricSeriesTest, AClockThatGoesBackRewritesNothing) {
  restart(kBegin);
  for (const EpochMs at : {0, 10, 20, 15, 5, 20, 30}) {
    figures_.published += 1;
    take(kBegin + at * 1000);
    ASSERT_TRUE(series_->flush());
  }
  const Counts expected{{0, 1}, {10, 1}, {20, 4}, {30, 1}};
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 60'000), expected);

  // Between two starts, too: slots that are there already are gone on with.
  restart(kBegin + 5000);
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 60'000), expected);
  for (const EpochMs at : {5, 10, 20, 30, 40}) {
    figures_.published += 1;
    take(kBegin + at * 1000);
    ASSERT_TRUE(series_->flush());
  }
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 60'000),
            (Counts{{0, 2}, {10, 2}, {20, 5}, {30, 2}, {40, 1}}));
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 60'000, minutes(5)), (Counts{{0, 12}}));
}

TEST_F(MetricSeriesTest, WhatCannotBeWrittenStaysAndIsWrittenLater) {
  restart(kBegin);
  take(kBegin);
  table_.fails = true;
  for (EpochMs at = 0; at < 50; ++at) {
    figures_.published += 1;
    take(kBegin + at * 1000);
    EXPECT_FALSE(series_->flush());
  }
  EXPECT_EQ(series_->write_failures(), 50u);
  table_.fails = false;
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 50'000),
            (Counts{{0, 10}, {10, 10}, {20, 10}, {30, 10}, {40, 10}}))
      << "read from memory";
  EXPECT_TRUE(series_->flush());
  restart(kBegin + 49'000);
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 50'000).size(), 5u);
}

TEST_F(MetricSeriesTest, WhatIsUnderWayIsReadAndComesBackWhenItFails) {
  restart(kBegin);
  figures_.published = 1;
  take(kBegin);
  ASSERT_TRUE(series_->begin_write());
  EXPECT_FALSE(series_->begin_write()) << "one at a time";
  take(kBegin + 10'000);
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 60'000), (Counts{{0, 1}, {10, 0}})) << "under way";
  series_->end_write(false);
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 60'000), (Counts{{0, 1}, {10, 0}})) << "back";
  ASSERT_TRUE(series_->begin_write());
  figures_.published = 4;
  take(kBegin + 11'000);
  take(kBegin + 20'000);
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 60'000), (Counts{{0, 1}, {10, 3}, {20, 0}}))
      << "what came meanwhile says more than what is under way";
  series_->end_write(false);
  EXPECT_EQ(series_->write_failures(), 2u);
  ASSERT_TRUE(series_->flush());
  series_ = std::make_unique<MetricSeries>(table_);
  EXPECT_EQ(counts("MessagesPublished", kBegin, kBegin + 60'000), (Counts{{0, 1}, {10, 3}, {20, 0}}));
}

TEST_F(MetricSeriesTest, WhatCannotBeWrittenForLongIsGivenUpOldestFirstAndCounted) {
  restart(kBegin);
  table_.fails = true;
  constexpr EpochMs kSlots = 200;
  for (EpochMs slot = 0; slot < kSlots; ++slot) {
    figures_.published += 1;
    take(kBegin + slot * 10'000);
  }
  const std::uint64_t lost = series_->write_failures();
  EXPECT_GT(lost, 0u);
  table_.fails = false;
  EXPECT_TRUE(series_->flush());
  EXPECT_EQ(series_->write_failures(), lost);
  EXPECT_GE(table_.cells.size(), MetricSeries::kMostUnwritten);
  EXPECT_LE(table_.cells.size(), MetricSeries::kMostUnwritten + 2 * catalogue().size());
  const Counts left = counts("MessagesPublished", kBegin, kBegin + kSlots * 10'000);
  ASSERT_FALSE(left.empty());
  EXPECT_GT(left.front().first, 0) << "the oldest are gone";
  EXPECT_EQ(left.back().first, (kSlots - 1) * 10);
  EXPECT_EQ(static_cast<EpochMs>(left.size()), kSlots - left.front().first / 10) << "without gaps";
}

TEST_F(MetricSeriesTest, WritesOnlyWhatChanged) {
  restart(kBegin);
  ASSERT_TRUE(series_->flush());
  EXPECT_EQ(table_.writes, 0);
  take(kBegin);
  ASSERT_TRUE(series_->flush());
  ASSERT_TRUE(series_->flush());
  EXPECT_EQ(table_.writes, 1);
  EXPECT_FALSE(table_.cells.contains({"PublisherToProcessorLatency", Resolution::ten_seconds, kBegin}))
      << "a latency without values has no cell";
  EXPECT_TRUE(table_.cells.contains({"MessagesPublished", Resolution::ten_seconds, kBegin}));
}

TEST_F(MetricSeriesTest, ForgetsTenSecondsAfterADayAndFiveMinutesAfterThirty) {
  const EpochMs day = 86'400'000;
  for (const EpochMs at : {kBegin, kBegin + day, kBegin + 30 * day}) {
    take(at);
    ASSERT_TRUE(series_->flush());
  }
  ASSERT_TRUE(series_->forget_old(kBegin + day));
  EXPECT_TRUE(table_.cells.contains({"HttpRequests", Resolution::ten_seconds, kBegin}));
  ASSERT_TRUE(series_->forget_old(kBegin + day + 1));
  EXPECT_FALSE(table_.cells.contains({"HttpRequests", Resolution::ten_seconds, kBegin}));
  EXPECT_TRUE(table_.cells.contains({"HttpRequests", Resolution::five_minutes, kBegin}));
  ASSERT_TRUE(series_->forget_old(kBegin + 30 * day + 1));
  EXPECT_FALSE(table_.cells.contains({"HttpRequests", Resolution::five_minutes, kBegin}));
  EXPECT_TRUE(table_.cells.contains({"HttpRequests", Resolution::five_minutes, kBegin + day}));
}

}  // namespace
}  // namespace carillon::metric_collector
