#include "metric_collector/alarm.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "metric_collector/alarm_json.hpp"

namespace carillon::metric_collector {
namespace {

using enum AlarmState;
using Values = std::vector<std::optional<double>>;

constexpr auto kNone = std::nullopt;

Alarm average(AlarmState state = insufficient_data) {
  Alarm alarm(default_alarms().at(0), 0);
  if (state == ok) alarm.evaluate(Values{1, 1, 1}, 0);
  if (state == AlarmState::alarm) alarm.evaluate(Values{501, 501, 501}, 0);
  EXPECT_EQ(alarm.status().state, state);
  return alarm;
}

TEST(Alarm, DefaultsAreThoseOfTheContract) {
  const auto rules = default_alarms();
  ASSERT_EQ(rules.size(), 4u);
  const std::vector<std::tuple<std::string, std::string_view, Statistic, double>> wanted{
      {"average-latency", "ClientEndToEndLatency", Statistic::avg, 500},
      {"p95-latency", "ClientEndToEndLatency", Statistic::p95, 1000},
      {"high-latency-messages", "HighLatencyMessageCount", Statistic::sum, 10},
      {"dead-letters", "DeadLetters", Statistic::max, 0}};
  for (std::size_t i = 0; i < rules.size(); ++i) {
    EXPECT_EQ(std::tuple(rules[i].name, rules[i].metric->name, rules[i].statistic, rules[i].threshold),
              wanted[i]);
    EXPECT_EQ(rules[i].period, std::chrono::minutes(1));
    EXPECT_EQ(rules[i].evaluation_periods, 3);
    EXPECT_EQ(runbook_of(rules[i]), "/dashboard/runbook.html#alarm-" + rules[i].name);
  }
}

TEST(Alarm, AnAlarmOfOnesOwnIsExplainedByItsKindOfMetric) {
  AlarmRule rule = default_alarms().at(0);
  rule.name = "mine";
  EXPECT_EQ(runbook_of(rule), "/dashboard/runbook.html#alarm-latency");
  rule.metric = find_metric("DeliveryFailure");
  EXPECT_EQ(runbook_of(rule), "/dashboard/runbook.html#alarm-events");
  rule.metric = find_metric("Memory");
  EXPECT_EQ(runbook_of(rule), "/dashboard/runbook.html#alarm-level");
}

TEST(Alarm, GoesOffWhenEveryPeriodIsOverTheThreshold) {
  Alarm alarm = average();
  EXPECT_TRUE(alarm.evaluate(Values{500.1, 700, 612.4}, 42));
  EXPECT_EQ(alarm.status().state, AlarmState::alarm);
  EXPECT_EQ(alarm.status().since, 42);
  EXPECT_EQ(alarm.status().value, 612.4);
  EXPECT_EQ(alarm.status().reason, "avg 612.4 ms > 500 ms in 3 of 3 periods of 60 s");
  EXPECT_FALSE(alarm.evaluate(Values{700, 612.4, 613}, 43));
  EXPECT_EQ(alarm.status().since, 42) << "since it went off, not since it was looked at";
}

TEST(Alarm, TheThresholdItselfIsNotOverIt) {
  Alarm alarm = average(AlarmState::alarm);
  EXPECT_TRUE(alarm.evaluate(Values{501, 501, 500}, 1));
  EXPECT_EQ(alarm.status().state, ok);
  EXPECT_EQ(alarm.status().reason, "avg 500 ms ≤ 500 ms in 1 of 3 periods of 60 s");
}

TEST(Alarm, OnePeriodWithinTheThresholdIsEnoughToBeOk) {
  for (const Values& values : {Values{1, 501, 501}, Values{501, 1, 501}, Values{kNone, kNone, 1}}) {
    Alarm alarm = average(AlarmState::alarm);
    EXPECT_TRUE(alarm.evaluate(values, 1));
    EXPECT_EQ(alarm.status().state, ok);
  }
}

TEST(Alarm, NoDataAtAllIsInsufficient) {
  for (const AlarmState before : {ok, AlarmState::alarm}) {
    Alarm alarm = average(before);
    EXPECT_TRUE(alarm.evaluate(Values{kNone, kNone, kNone}, 1));
    EXPECT_EQ(alarm.status().state, insufficient_data);
    EXPECT_FALSE(alarm.status().value);
    EXPECT_EQ(alarm.status().reason, "no data in 3 periods of 60 s");
  }
}

TEST(Alarm, GapsAmongValuesOverTheThresholdChangeNothing) {
  for (const AlarmState before : {ok, AlarmState::alarm, insufficient_data}) {
    Alarm alarm = average(before);
    EXPECT_FALSE(alarm.evaluate(Values{600, kNone, 700}, 1));
    EXPECT_EQ(alarm.status().state, before);
    EXPECT_EQ(alarm.status().reason, "avg 700 ms > 500 ms in 2 of 3 periods of 60 s, no data in 1");
  }
}

/// CONTRACT §13 said again, value by value.
TEST(Alarm, AnyValuesLeadToTheStateOfTheRule) {
  EXPECT_TRUE(rc::check("sequences of evaluations", [] {
    AlarmRule rule = default_alarms().at(0);
    rule.evaluation_periods = *rc::gen::inRange(1, 6);
    Alarm alarm(rule, 0);
    AlarmState state = insufficient_data;
    for (int step = 0; step < 20; ++step) {
      Values values;
      int over = 0, under = 0;
      for (int i = 0; i < rule.evaluation_periods; ++i) {
        const int draw = *rc::gen::inRange(0, 3);
        values.push_back(draw == 0 ? std::optional<double>() : draw == 1 ? 499.0 : 501.0);
        over += draw == 2;
        under += draw == 1;
      }
      const AlarmState before = state;
      if (over == rule.evaluation_periods) state = AlarmState::alarm;
      if (over + under == 0) state = insufficient_data;
      if (under > 0) state = ok;
      RC_ASSERT(alarm.evaluate(values, step) == (state != before));
      RC_ASSERT(alarm.status().state == state);
    }
  }));
}

TEST(Alarm, StatisticsAreInTheUnitOfTheMetric) {
  AlarmRule rule = default_alarms().at(0);
  base::Histogram period;
  for (const std::uint64_t us : {1000, 2000, 6000}) period.add(us);
  const auto value = [&](Statistic statistic) {
    rule.statistic = statistic;
    return value_of(rule, period).value();
  };
  EXPECT_EQ(value(Statistic::avg), 3);
  EXPECT_EQ(value(Statistic::min), 1);
  EXPECT_EQ(value(Statistic::max), 6);
  EXPECT_EQ(value(Statistic::sum), 9);
  EXPECT_EQ(value(Statistic::count), 3);
  EXPECT_EQ(unit_of(rule), "count") << "of the statistic, whatever the metric's";
  EXPECT_NEAR(value(Statistic::p50), 2, 0.04);
  EXPECT_NEAR(value(Statistic::p99), 6, 0.12);
  EXPECT_EQ(unit_of(rule), "ms");
  rule.metric = find_metric("Memory");
  EXPECT_NEAR(value(Statistic::max), 6000, 0.1);
  EXPECT_EQ(unit_of(rule), "bytes");
}

TEST(Alarm, EventsThatDidNotHappenAreDataAndLatenciesAreNot) {
  AlarmRule rule = default_alarms().at(2);
  EXPECT_EQ(value_of(rule, {}), 0);
  rule.statistic = Statistic::p95;
  EXPECT_EQ(value_of(rule, {}), 0);
  EXPECT_FALSE(value_of(default_alarms().at(0), {}));
  EXPECT_FALSE(value_of(default_alarms().at(3), {}));
}

TEST(Alarm, EveryStatisticHasItsName) {
  for (int i = 0; i < 9; ++i)
    EXPECT_EQ(parse_statistic(name(static_cast<Statistic>(i))), static_cast<Statistic>(i));
  EXPECT_FALSE(parse_statistic("median"));
}

TEST(Alarm, NumbersHaveThreeDecimalsAtMost) {
  EXPECT_EQ(decimal(0), "0");
  EXPECT_EQ(decimal(-0.0001), "0");
  EXPECT_EQ(decimal(100), "100");
  EXPECT_EQ(decimal(612.40), "612.4");
  EXPECT_EQ(decimal(0.1236), "0.124");
  EXPECT_EQ(decimal(1e15), "1000000000000000");
}

TEST(AlarmJson, HasWhatTheDashboardAndWebhooksShow) {
  Alarm alarm = average();
  EXPECT_EQ(alarm_json(alarm),
            R"({"name":"average-latency","metric":"ClientEndToEndLatency","statistic":"avg","threshold":500,)"
            R"("unit":"ms","period":60,"evaluationPeriods":3,"state":"INSUFFICIENT_DATA",)"
            R"("since":"1970-01-01T00:00:00.000Z","value":null,"reason":"not evaluated yet",)"
            R"("runbook":"/dashboard/runbook.html#alarm-average-latency"})");
  alarm.evaluate(Values{600, 600, 612.4}, 1500);
  EXPECT_EQ(
      alarm_event_json({alarm.rule(), ok, alarm.status()}),
      R"({"type":"alarm.state_changed","timestamp":"1970-01-01T00:00:01.500Z","data":{)"
      R"("name":"average-latency","metric":"ClientEndToEndLatency","statistic":"avg","threshold":500,)"
      R"("unit":"ms","period":60,"evaluationPeriods":3,"state":"ALARM","since":"1970-01-01T00:00:01.500Z",)"
      R"("value":612.4,"reason":"avg 612.4 ms > 500 ms in 3 of 3 periods of 60 s",)"
      R"("runbook":"/dashboard/runbook.html#alarm-average-latency","previousState":"OK"}})");
}

}  // namespace
}  // namespace carillon::metric_collector
