#include "metric_collector/metric_collector.hpp"

#include <future>
#include <semaphore>

#include <gtest/gtest.h>

#include "unit/metric_collector/memory_series_table.hpp"

namespace carillon::metric_collector {
namespace {

using base::EpochMs;
using ports::Resolution;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::MemorySeriesTable;

constexpr EpochMs kBegin = 1'800'000'000'000;
constexpr EpochMs kMinute = 60'000, kDay = 86'400'000;

class Published final : public ports::MetricSource {
 public:
  void collect(ports::MetricSet& into) const override {
    into.counter("carillon_messages_published_total", "", count.value());
  }
  base::SharedCounter count;
};

/// A collector whose clock the test sets; its own looks see the same clock.
class MetricCollectorTest : public ::testing::Test {
 protected:
  void start() {
    collector_.add_source(published_);
    collector_.on_look([this](EpochMs time) { times_.push_back(time); });
    collector_.start();
    on_loop([] {});
  }
  void TearDown() override { collector_.stop(); }

  template <typename Call>
  void on_loop(Call call) {
    std::promise<void> done;
    collector_.loop().post([&] {
      call();
      done.set_value();
    });
    done.get_future().wait();
  }
  void look_at(EpochMs now, base::Monotonic at = base::monotonic_now()) {
    now_ = now;
    on_loop([&] { collector_.look(at); });
  }
  EpochMs last_time() {
    EpochMs time = 0;
    on_loop([&] { time = times_.back(); });
    return time;
  }
  /// How many were published in the slot that begins there.
  std::uint64_t counted(EpochMs start) {
    std::uint64_t sum = 0;
    on_loop([&] {
      const auto points =
          collector_.series().points(*find_metric("MessagesPublished"), start, start + 10'000, seconds(10));
      ASSERT_TRUE(points);
      for (const SeriesPoint& each : *points) sum += each.values.sum();
    });
    return sum;
  }

  std::atomic<EpochMs> now_{kBegin};
  MemorySeriesTable table_;
  Published published_;
  std::vector<EpochMs> times_;
  MetricCollector collector_{table_, [this] { return now_.load(); }};
};

TEST_F(MetricCollectorTest, StoppingWritesWhatIsNotWrittenAndFiguresHaveItsOwn) {
  start();
  published_.count.add(5);
  const ports::MetricSet figures = collector_.figures();
  ASSERT_TRUE(figures.find("carillon_series_write_failures_total"));
  ASSERT_TRUE(figures.find("carillon_messages_published_total"));
  collector_.stop();
  collector_.stop();
  std::uint64_t sum = 0;
  for (const auto& [key, values] : table_.cells)
    if (std::get<0>(key) == "MessagesPublished" && std::get<1>(key) == Resolution::five_minutes)
      sum += values.sum();
  EXPECT_EQ(sum, 5u);
}

TEST_F(MetricCollectorTest, ADiskThatHangsHoldsUpNeitherLooksNorReads) {
  std::binary_semaphore writing{0}, release{0};
  bool in_time = false;
  table_.before_write = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return;
    writing.release();
    in_time = release.try_acquire_for(seconds(20));
  };
  start();
  writing.acquire();
  published_.count.add(3);
  look_at(kBegin + 1000);
  look_at(kBegin + 11'000);
  published_.count.add(4);
  look_at(kBegin + 12'000);
  EXPECT_EQ(counted(kBegin), 3u) << "ended while it was being written";
  EXPECT_EQ(counted(kBegin + 10'000), 4u);
  release.release();
  collector_.stop();
  EXPECT_TRUE(in_time) << "all that was done while it hung";
}

TEST_F(MetricCollectorTest, ALoopThatHangsIsSeenFromOutside) {
  start();
  const auto overdue = [&] {
    const ports::MetricSet figures = collector_.figures();
    const auto& samples = figures.find("carillon_loop_overdue_seconds")->samples;
    EXPECT_EQ(samples.at(0).labels, (ports::Labels{{"loop", "metrics"}}));
    return samples.at(0).value;
  };
  std::promise<void> free;
  collector_.loop().post([&] { free.get_future().wait(); });
  const auto deadline = base::monotonic_now() + seconds(20);
  while (overdue() < 0.2) ASSERT_LT(base::monotonic_now(), deadline);
  free.set_value();
  while (overdue() > 0) ASSERT_LT(base::monotonic_now(), deadline);
}

TEST_F(MetricCollectorTest, AClockThatGoesBackALittleIsWaitedFor) {
  start();
  look_at(kBegin + 5000);
  look_at(kBegin + 2000);
  EXPECT_EQ(last_time(), kBegin + 5000) << "for who looks too";
  look_at(kBegin + 6000);
  EXPECT_EQ(last_time(), kBegin + 6000);
}

TEST_F(MetricCollectorTest, AClockThatWasAheadIsFollowedBackAndNothingIsCountedTwice) {
  start();
  published_.count.add(1);
  look_at(kBegin + 1000);
  published_.count.add(10);
  look_at(kBegin + 30 * kMinute);
  published_.count.add(100);
  look_at(kBegin + 2000);
  EXPECT_EQ(last_time(), kBegin + 2000);
  EXPECT_EQ(counted(kBegin), 101u) << "the slot that was there is gone on with";
  EXPECT_EQ(counted(kBegin + 30 * kMinute), 10u);
  published_.count.add(1000);
  look_at(kBegin + 30 * kMinute + 1000);
  EXPECT_EQ(counted(kBegin + 30 * kMinute), 1010u) << "the clock comes there by itself";
  collector_.stop();
  const auto cell = table_.cells.find({"MessagesPublished", Resolution::ten_seconds, kBegin});
  ASSERT_NE(cell, table_.cells.end());
  EXPECT_EQ(cell->second.sum(), 101u);
}

TEST_F(MetricCollectorTest, AClockThatIsFarAheadAtTheStartHasNothingRemovedAtOnce) {
  const MemorySeriesTable::Key old{"HttpRequests", Resolution::ten_seconds, kBegin - kMinute};
  base::Histogram none;
  table_.put(old, none);
  std::counting_semaphore<> written{0};
  table_.before_write = [&] { written.release(); };
  now_ = kBegin + 365 * kDay;
  start();
  const base::Monotonic begin = base::monotonic_now();
  const auto written_by = [&](EpochMs now, base::Monotonic at) {
    while (written.try_acquire()) {
    }
    // Nothing is written before the last write has come back.
    do {
      look_at(now, at);
    } while (!written.try_acquire());
  };
  written_by(kBegin + 365 * kDay + 10'000, begin + minutes(9));
  written_by(kBegin, begin + minutes(9) + seconds(30));
  written_by(kBegin + kMinute, begin + minutes(19));
  written_by(kBegin + 2 * kMinute, begin + minutes(20));
  EXPECT_TRUE(table_.has(old)) << "put right in time";
  written_by(kBegin + 2 * kDay, begin + minutes(90));
  collector_.stop();
  EXPECT_FALSE(table_.has(old));
}

}  // namespace
}  // namespace carillon::metric_collector
