#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "base/recorder.hpp"
#include "embedded/series_record.hpp"
#include "metric_collector/metric_series.hpp"

namespace carillon {
namespace {

using base::EpochMs;
using base::Histogram;
using metric_collector::MetricSeries;
using metric_collector::SeriesPoint;

constexpr EpochMs kBegin = 1'800'000'000'000;  // a whole multiple of ten minutes
constexpr EpochMs kSeconds = 1200;
constexpr std::string_view kMetric = "PublisherToProcessorLatency";

/// Keeps cells as the embedded store does: as records.
class RecordTable final : public ports::SeriesTable {
 public:
  base::Result<void> write(const std::vector<ports::SeriesCell>& cells) override {
    for (const ports::SeriesCell& each : cells) {
      std::string& record = records_[{each.metric, each.resolution, each.start}];
      record.clear();
      embedded::record::append_series(record, each.values);
    }
    return {};
  }
  base::Result<void> read(std::string_view metric, ports::Resolution resolution, EpochMs from, EpochMs to,
                          const Visitor& visit) const override {
    for (const auto& [key, record] : records_) {
      const auto& [name, length, start] = key;
      if (name == metric && length == resolution && start >= from && start < to)
        visit(start, embedded::record::decode_series(record).value());
    }
    return {};
  }
  base::Result<void> forget(ports::Resolution, EpochMs) override { return {}; }

 private:
  std::map<std::tuple<std::string, ports::Resolution, EpochMs>, std::string> records_;
};

/// Latencies as they are: a body around some middle, a long tail, and now and then something absurd.
std::uint64_t value_of(std::mt19937_64& random, double middle) {
  if (random() % 1000 == 0) return random() >> (24 + random() % 40);
  return static_cast<std::uint64_t>(std::lognormal_distribution<double>(std::log(middle), 0.8)(random));
}

void expect_exact(const Histogram& found, std::vector<std::uint64_t> values) {
  std::ranges::sort(values);
  std::uint64_t sum = 0;
  for (const std::uint64_t each : values) sum += each;
  EXPECT_EQ(found.count(), values.size());
  EXPECT_EQ(found.sum(), sum);
  for (const double fraction : {0.50, 0.90, 0.95, 0.99}) {
    const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[std::max<std::size_t>(rank, 1) - 1]);
    EXPECT_NEAR(found.quantile(fraction), exact, 0.02 * exact) << fraction << " of " << values.size();
  }
}

TEST(SeriesAccuracy, PercentilesOfWhatWasStoredAreWithinTwoPercentAndSumsAreExact) {
  for (int round = 0; round < 5; ++round) {
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const double middle = std::exp2(static_cast<double>(3 + random() % 20));
    const std::uint64_t most = std::uint64_t{1} << (random() % 9);
    RecordTable table;
    auto series = std::make_unique<MetricSeries>(table);
    auto recorder = std::make_unique<base::Recorder>();
    std::vector<std::vector<std::uint64_t>> values(kSeconds);
    for (EpochMs second = 0; second < kSeconds; ++second) {
      auto& now = values[static_cast<std::size_t>(second)];
      for (std::uint64_t left = random() % most; left > 0; --left)
        recorder->record(now.emplace_back(value_of(random, middle)));
      ports::MetricSet figures;
      figures.histogram("carillon_publisher_to_processor_latency_seconds", "",
                        ports::HistogramUnit::microseconds, recorder->snapshot());
      series->take(figures, kBegin + second * 1000);
      if (second % 5 == 4) ASSERT_TRUE(series->flush());
      if (random() % 100 != 0) continue;
      ASSERT_TRUE(series->flush());
      series = std::make_unique<MetricSeries>(table);
      recorder = std::make_unique<base::Recorder>();
      ASSERT_TRUE(series->load(kBegin + second * 1000));
    }
    ASSERT_TRUE(series->flush());
    MetricSeries stored(table);
    for (const EpochMs length : {10, 60, 300, 600, 1200}) {
      SCOPED_TRACE("period " + std::to_string(length));
      const auto points = stored.points(*metric_collector::find_metric(kMetric), kBegin,
                                        kBegin + kSeconds * 1000, std::chrono::seconds(length));
      ASSERT_TRUE(points);
      std::map<EpochMs, std::vector<std::uint64_t>> expected;
      for (EpochMs second = 0; second < kSeconds; ++second)
        for (const std::uint64_t each : values[static_cast<std::size_t>(second)])
          expected[kBegin + second / length * length * 1000].push_back(each);
      ASSERT_EQ(points->size(), expected.size());
      for (const SeriesPoint& each : *points) expect_exact(each.values, expected.at(each.start));
    }
  }
}

}  // namespace
}  // namespace carillon
