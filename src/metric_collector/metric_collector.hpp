#pragma once

#include <functional>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "metric_collector/metric_series.hpp"
#include "ports/loop_due.hpp"
#include "ports/metric_set.hpp"

namespace carillon::metric_collector {

/// The thread `metrics`: once a second it takes the figures of every source into the series, and calls who
/// wants to know. What must not disturb loops that people wait for happens here: reading of series, counting
/// of client samples, alarms. Series are written on the thread `series`, so that a disk that makes writers
/// wait holds up nothing else. Source: seed architecture-overview-v2, Metric Collector.
class MetricCollector {
 public:
  /// A clock that is this much behind what it said before was put right; by less, it is waited for.
  static constexpr base::EpochMs kPutBackMs = 60'000;
  /// Nothing is removed for so long after the start and after the clock was put back: who sees that the clock
  /// is far ahead can set it right before history goes by it.
  static constexpr std::chrono::minutes kForgetAfter{10};

  /// `table` must outlive stop(). `clock` is the time of day; any thread.
  explicit MetricCollector(ports::SeriesTable& table, std::function<base::EpochMs()> clock = base::now_ms);
  MetricCollector(const MetricCollector&) = delete;
  MetricCollector& operator=(const MetricCollector&) = delete;
  ~MetricCollector();

  /// Before start(); sources must outlive stop().
  void add_source(const ports::MetricSource& source);
  /// Called after each look, on the loop, with the time that the series go by: it goes back only where the
  /// clock was put back by more than a minute. Before start().
  void on_look(std::function<void(base::EpochMs now)> observer);
  void start();
  /// Looks once more and writes what is not written yet. Not from the loop.
  void stop();

  /// What happens once a second; `at` is the monotonic time. Loop only.
  void look(base::Monotonic at = base::monotonic_now());

  base::EventLoop& loop() { return loop_; }
  /// Everything as it is now. Any thread.
  ports::MetricSet figures() const;
  /// Loop only.
  MetricSeries& series() { return series_; }

 private:
  /// One second's work on the series.
  void follow(base::EpochMs now, base::Monotonic at);
  void follow_clock(base::EpochMs now, base::Monotonic at);
  void write(base::Monotonic at);
  void schedule();
  /// Of a call to the table: the first failure in a row is logged, and its end.
  bool succeeded(const base::Result<void>& outcome);

  std::function<base::EpochMs()> clock_;
  base::EventLoop loop_{"metrics"};
  base::EventLoop writer_{"series"};
  boost::asio::steady_timer timer_{loop_.io()};
  ports::LoopDue due_;
  std::vector<const ports::MetricSource*> sources_;
  std::vector<std::function<void(base::EpochMs)>> observers_;
  ports::SeriesTable& table_;
  MetricSeries series_;
  bool running_ = false;
  bool loaded_ = false;
  bool failing_ = false;
  base::Monotonic written_at_{};
  base::Monotonic forget_at_{};  ///< not set before the first look
};

}  // namespace carillon::metric_collector
