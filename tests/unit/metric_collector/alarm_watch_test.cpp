#include "metric_collector/alarm_watch.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.hpp"

namespace carillon::metric_collector {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr base::EpochMs kMinute = 60'000;
/// 30 s into a minute.
constexpr base::EpochMs kStart = 1'760'000'010'000 + 20'000;

class AlarmWatchTest : public testing::Test {
 protected:
  AlarmWatchTest() {
    AlarmRule rule = default_alarms().at(0);
    rule.evaluation_periods = 2;
    watch.emplace(
        std::vector{rule},
        [this](const Metric& metric, base::EpochMs from, base::EpochMs to, milliseconds period) {
          return read(metric, from, to, period);
        },
        [this](const AlarmChange& change) {
          changes.push_back(std::string(name(change.from)) + " → " + std::string(name(change.now.state)));
        },
        kStart);
  }

  model::Result<std::vector<SeriesPoint>> read(const Metric& metric, base::EpochMs from, base::EpochMs to,
                                               milliseconds period) {
    EXPECT_EQ(metric.name, "ClientEndToEndLatency");
    EXPECT_EQ(period, milliseconds(kMinute));
    EXPECT_EQ(to % kMinute, 0);
    reads.push_back({from, to});
    if (broken) return model::fail(model::errors::kUnavailable);
    std::vector<SeriesPoint> points;
    for (const auto& [start, latency_ms] : series)
      if (start >= from && start < to) {
        points.emplace_back().start = start;
        points.back().values.add(latency_ms * 1000);
      }
    return points;
  }
  double gauge(std::string_view state) const {
    ports::MetricSet set;
    watch->collect(set);
    for (const auto& each : set.find("carillon_alarm_state")->samples)
      if (each.labels == ports::Labels{{"alarm", "average-latency"}, {"state", std::string(state)}})
        return each.value;
    ADD_FAILURE() << state;
    return -1;
  }

  static constexpr base::EpochMs kEnd = kStart / kMinute * kMinute + kMinute;  ///< of the minute of kStart
  std::map<base::EpochMs, std::uint64_t> series;
  bool broken = false;
  std::vector<std::pair<base::EpochMs, base::EpochMs>> reads;
  std::vector<std::string> changes;
  std::optional<AlarmWatch> watch;
};

TEST_F(AlarmWatchTest, LooksOnceAtTheEndOfEachPeriodASecondLater) {
  for (base::EpochMs now = kStart; now < kEnd + 1000; now += 500) watch->look(now);
  EXPECT_TRUE(reads.empty());
  for (base::EpochMs now = kEnd + 1000; now < kEnd + 2 * kMinute + 1000; now += 500) watch->look(now);
  EXPECT_THAT(reads,
              ElementsAre(std::pair(kEnd - 2 * kMinute, kEnd), std::pair(kEnd - kMinute, kEnd + kMinute)));
}

TEST_F(AlarmWatchTest, GoesOffAndBackAndTellsEachTime) {
  EXPECT_EQ(gauge("INSUFFICIENT_DATA"), 1);
  series = {{kEnd - 2 * kMinute, 100}, {kEnd - kMinute, 600}, {kEnd, 700}, {kEnd + kMinute, 80}};
  watch->look(kEnd + 1000);
  EXPECT_EQ(gauge("OK"), 1);
  watch->look(kEnd + kMinute + 1000);
  EXPECT_EQ(gauge("ALARM"), 1);
  EXPECT_EQ(gauge("OK"), 0);
  EXPECT_THAT(watch->json(), HasSubstr("\"reason\":\"avg 700 ms > 500 ms in 2 of 2 periods of 60 s\""));
  watch->look(kEnd + 2 * kMinute + 1000);
  watch->look(kEnd + 4 * kMinute + 1000);
  EXPECT_THAT(changes,
              ElementsAre("INSUFFICIENT_DATA → OK", "OK → ALARM", "ALARM → OK", "OK → INSUFFICIENT_DATA"));
}

TEST_F(AlarmWatchTest, StartingWithoutDataTellsNobody) {
  watch->look(kEnd + 1000);
  watch->look(kEnd + kMinute + 1000);
  EXPECT_EQ(reads.size(), 2u);
  EXPECT_TRUE(changes.empty());
  EXPECT_THAT(watch->json(), HasSubstr("no data in 2 periods"));
}

TEST_F(AlarmWatchTest, ASeriesThatCannotBeReadChangesNothingAndIsReadAtTheNextLook) {
  series = {{kEnd - 2 * kMinute, 600}, {kEnd - kMinute, 600}, {kEnd, 100}};
  watch->look(kEnd + 1000);
  broken = true;
  watch->look(kEnd + kMinute + 1000);
  watch->look(kEnd + kMinute + 2000);
  EXPECT_EQ(gauge("ALARM"), 1);
  EXPECT_THAT(changes, ElementsAre("INSUFFICIENT_DATA → ALARM"));
  broken = false;
  watch->look(kEnd + kMinute + 3000);
  EXPECT_THAT(changes, ElementsAre("INSUFFICIENT_DATA → ALARM", "ALARM → OK")) << "its period is not skipped";
  const std::size_t before = reads.size();
  watch->look(kEnd + kMinute + 4000);
  EXPECT_EQ(reads.size(), before) << "once it was read, it is";
}

TEST_F(AlarmWatchTest, OnlyTheFirstOfFailuresInARowIsLogged) {
  testing::internal::CaptureStderr();
  base::log::start(base::log::Level::warn);
  base::EpochMs now = kEnd;
  for (const bool failing : {true, true, true, false, true, true}) {
    broken = failing;
    watch->look(now += kMinute);
  }
  base::log::stop();
  const std::string text = testing::internal::GetCapturedStderr();
  std::size_t lines = 0;
  for (auto at = text.find("alarm_not_evaluated"); at != std::string::npos;
       at = text.find("alarm_not_evaluated", at + 1))
    ++lines;
  EXPECT_EQ(lines, 2u) << text;
}

TEST_F(AlarmWatchTest, AClockPutBackIsFollowed) {
  watch->look(kEnd + 5 * kMinute + 1000);
  watch->look(kEnd + 1000);
  ASSERT_EQ(reads.size(), 2u);
  EXPECT_EQ(reads[1].second, kEnd);
}

}  // namespace
}  // namespace carillon::metric_collector
