#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/histogram.hpp"
#include "metric_collector/metric_catalogue.hpp"

/// Alarms on the metrics of the catalogue (CONTRACT §13; seed architecture-overview-v2, Monitoring). Pure:
/// time and figures are passed in.
namespace carillon::metric_collector {

enum class AlarmState : std::uint8_t { ok, alarm, insufficient_data };
std::string_view name(AlarmState state);  ///< `OK`, `ALARM`, `INSUFFICIENT_DATA`

enum class Statistic : std::uint8_t { count, sum, min, max, avg, p50, p90, p95, p99 };
std::string_view name(Statistic statistic);
std::optional<Statistic> parse_statistic(std::string_view text);

/// Goes off when the statistic was over the threshold in `evaluation_periods` periods in a row.
struct AlarmRule {
  std::string name;
  const Metric* metric = nullptr;  ///< of the catalogue
  Statistic statistic = Statistic::avg;
  double threshold = 0;  ///< in the metric's unit
  std::chrono::milliseconds period{std::chrono::minutes(1)};
  int evaluation_periods = 3;
};

/// Those that are there without any configuration.
std::vector<AlarmRule> default_alarms();
/// Where an operator reads what to do: a path on the server.
std::string runbook_of(const AlarmRule& rule);
/// `ms`, `s`, `bytes` or `count`: of the threshold and of the value.
std::string_view unit_of(const AlarmRule& rule);
/// As many decimals as are not zero, three at most.
std::string decimal(double value);

/// The statistic of one period, in the metric's unit; nothing when the period has no data. Events that did
/// not happen are data: 0.
std::optional<double> value_of(const AlarmRule& rule, const base::Histogram& period);

struct AlarmStatus {
  AlarmState state = AlarmState::insufficient_data;
  base::EpochMs since = 0;
  std::optional<double> value;  ///< of the last evaluation's newest period that had data
  std::string reason = "not evaluated yet";
};

/// One alarm's state.
class Alarm {
 public:
  Alarm(AlarmRule rule, base::EpochMs now);

  /// The values of the last evaluation_periods complete periods, oldest first. All over the threshold: ALARM;
  /// one that is not: OK; no data at all: INSUFFICIENT_DATA; gaps among values that are all over it: as it
  /// was. Whether the state changed.
  bool evaluate(std::span<const std::optional<double>> values, base::EpochMs now);

  const AlarmRule& rule() const { return rule_; }
  const AlarmStatus& status() const { return status_; }

 private:
  AlarmRule rule_;
  AlarmStatus status_;
};

}  // namespace carillon::metric_collector
