#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "metric_collector/alarm_json.hpp"
#include "metric_collector/metric_series.hpp"
#include "ports/metric_set.hpp"

namespace carillon::metric_collector {

/// Evaluates every alarm at the end of each of its periods, which begin at whole multiples since 1970; a
/// second later, when the period's last figures are in its series. One whose series cannot be read then is
/// evaluated at the first look that can; the first failure in a row is logged. States are not kept: after a
/// start an alarm has INSUFFICIENT_DATA until its first evaluation. The collector's loop only, but for
/// collect().
class AlarmWatch final : public ports::MetricSource {
 public:
  /// MetricSeries::points.
  using ReadPoints = std::function<model::Result<std::vector<SeriesPoint>>(
      const Metric& metric, base::EpochMs from, base::EpochMs to, std::chrono::milliseconds period)>;
  using Notify = std::function<void(const AlarmChange& change)>;

  /// `notify` is called after each change of state.
  AlarmWatch(std::vector<AlarmRule> rules, ReadPoints read, Notify notify, base::EpochMs now);

  /// For MetricCollector::on_look.
  void look(base::EpochMs now);
  /// `{"alarms":[…]}`, in the order of the rules.
  std::string json() const;

  void collect(ports::MetricSet& into) const override;

 private:
  struct Watched {
    Alarm alarm;
    base::EpochMs evaluated_to;
    bool failing = false;           ///< its series could not be read the last time
    std::atomic<AlarmState> state;  ///< the alarm's, for other threads

    Watched(AlarmRule rule, base::EpochMs now);
  };
  /// Whether the alarm's series could be read.
  bool evaluate(Watched& watched, base::EpochMs to, base::EpochMs now);

  std::deque<Watched> alarms_;
  ReadPoints read_;
  Notify notify_;
};

}  // namespace carillon::metric_collector
