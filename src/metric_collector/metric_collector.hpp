#pragma once

#include <functional>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "metric_collector/metric_series.hpp"
#include "ports/metric_set.hpp"

namespace carillon::metric_collector {

/// The thread `metrics`: once a second it takes the figures of every source into the series, and calls who
/// wants to know. What must not disturb loops that people wait for happens here: encoding of figures, reading
/// of series, counting of client samples, alarms. Source: seed architecture-overview-v2, Metric Collector.
class MetricCollector {
 public:
  /// `table` must outlive stop().
  explicit MetricCollector(ports::SeriesTable& table);
  MetricCollector(const MetricCollector&) = delete;
  MetricCollector& operator=(const MetricCollector&) = delete;
  ~MetricCollector();

  /// Before start(); sources must outlive stop().
  void add_source(const ports::MetricSource& source);
  /// Called after each look, on the loop. Before start().
  void on_look(std::function<void(base::EpochMs now)> observer);
  void start();
  /// Looks once more and writes what is not written yet. Not from the loop.
  void stop();

  base::EventLoop& loop() { return loop_; }
  /// Everything as it is now. Any thread.
  ports::MetricSet figures() const;
  /// Loop only.
  MetricSeries& series() { return series_; }

 private:
  void look();
  /// One second's work on the series.
  void follow(base::EpochMs now);
  void schedule();
  /// Of a call to the table: the first failure in a row is logged, and its end.
  bool succeeded(const base::Result<void>& outcome);

  base::EventLoop loop_{"metrics"};
  boost::asio::steady_timer timer_{loop_.io()};
  std::vector<const ports::MetricSource*> sources_;
  std::vector<std::function<void(base::EpochMs)>> observers_;
  MetricSeries series_;
  bool running_ = false;
  bool loaded_ = false;
  bool failing_ = false;
  base::Monotonic flushed_at_{};
  base::Monotonic forgot_at_{};
};

}  // namespace carillon::metric_collector
