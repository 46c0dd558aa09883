#include "metric_collector/alarm.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace carillon::metric_collector {
namespace {

constexpr std::array<std::string_view, 3> kStates{"OK", "ALARM", "INSUFFICIENT_DATA"};
constexpr std::array<std::string_view, 9> kStatistics{"count", "sum", "min", "max", "avg",
                                                      "p50",   "p90", "p95", "p99"};

double raw_statistic(Statistic statistic, const base::Histogram& values) {
  switch (statistic) {
    case Statistic::count:
      return static_cast<double>(values.count());
    case Statistic::sum:
      return static_cast<double>(values.sum());
    case Statistic::min:
      return static_cast<double>(values.min());
    case Statistic::max:
      return static_cast<double>(values.max());
    case Statistic::avg:
      return values.average();
    case Statistic::p50:
      return values.quantile(0.5);
    case Statistic::p90:
      return values.quantile(0.9);
    case Statistic::p95:
      return values.quantile(0.95);
    case Statistic::p99:
      return values.quantile(0.99);
  }
  return 0;
}

/// How the periods of an evaluation compare to the threshold.
struct Tally {
  std::size_t periods = 0;
  std::size_t with_data = 0;
  std::size_t over = 0;
  std::optional<double> newest;
};

Tally tally(const AlarmRule& rule, std::span<const std::optional<double>> values) {
  Tally found{.periods = static_cast<std::size_t>(rule.evaluation_periods)};
  for (const std::optional<double>& each : values) {
    if (!each) continue;
    ++found.with_data;
    found.over += *each > rule.threshold ? 1 : 0;
    found.newest = each;
  }
  return found;
}

/// `avg 612.4 ms > 500 ms in 3 of 3 periods of 60 s`.
std::string reason_of(const AlarmRule& rule, const Tally& found) {
  const std::string periods =
      fmt::format("{} periods of {} s", found.periods,
                  std::chrono::duration_cast<std::chrono::seconds>(rule.period).count());
  if (!found.newest) return "no data in " + periods;
  const std::string unit = unit_of(rule) == "count" ? "" : ' ' + std::string(unit_of(rule));
  const bool over = *found.newest > rule.threshold;
  std::string text = fmt::format("{} {}{} {} {}{} in {} of {}", name(rule.statistic), decimal(*found.newest),
                                 unit, over ? ">" : "≤", decimal(rule.threshold), unit,
                                 over ? found.over : found.with_data - found.over, periods);
  if (found.with_data < found.periods)
    text += fmt::format(", no data in {}", found.periods - found.with_data);
  return text;
}

}  // namespace

std::string_view name(AlarmState state) {
  return kStates[static_cast<std::size_t>(state)];
}

std::string_view name(Statistic statistic) {
  return kStatistics[static_cast<std::size_t>(statistic)];
}

std::optional<Statistic> parse_statistic(std::string_view text) {
  const auto found = std::ranges::find(kStatistics, text);
  if (found == kStatistics.end()) return std::nullopt;
  return static_cast<Statistic>(found - kStatistics.begin());
}

std::vector<AlarmRule> default_alarms() {
  return {{"average-latency", find_metric("ClientEndToEndLatency"), Statistic::avg, 500},
          {"p95-latency", find_metric("ClientEndToEndLatency"), Statistic::p95, 1000},
          {"high-latency-messages", find_metric("HighLatencyMessageCount"), Statistic::sum, 10},
          {"dead-letters", find_metric("DeadLetters"), Statistic::max, 0}};
}

std::string runbook_of(const AlarmRule& rule) {
  const std::string page = "/dashboard/runbook.html#alarm-";
  const auto defaults = default_alarms();
  if (std::ranges::find(defaults, rule.name, &AlarmRule::name) != defaults.end()) return page + rule.name;
  switch (rule.metric->kind) {
    case SeriesKind::latency:
      return page + "latency";
    case SeriesKind::events:
      return page + "events";
    case SeriesKind::level:
      break;
  }
  return page + "level";
}

std::string_view unit_of(const AlarmRule& rule) {
  return name(rule.statistic == Statistic::count ? MetricUnit::count : rule.metric->unit);
}

std::string decimal(double value) {
  std::string text = fmt::format("{:.3f}", value);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

std::optional<double> value_of(const AlarmRule& rule, const base::Histogram& period) {
  if (period.empty() && rule.metric->kind != SeriesKind::events) return std::nullopt;
  const double raw = raw_statistic(rule.statistic, period);
  return unit_of(rule) == "ms" ? raw / 1000 : raw;
}

Alarm::Alarm(AlarmRule rule, base::EpochMs now) : rule_(std::move(rule)) {
  status_.since = now;
}

bool Alarm::evaluate(std::span<const std::optional<double>> values, base::EpochMs now) {
  const Tally found = tally(rule_, values);
  const AlarmState before = status_.state;
  if (found.with_data == 0)
    status_.state = AlarmState::insufficient_data;
  else if (found.over < found.with_data)
    status_.state = AlarmState::ok;
  else if (found.over == found.periods)
    status_.state = AlarmState::alarm;
  status_.value = found.newest;
  status_.reason = reason_of(rule_, found);
  if (status_.state == before) return false;
  status_.since = now;
  return true;
}

}  // namespace carillon::metric_collector
