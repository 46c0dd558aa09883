#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/recorder.hpp"
#include "metric_collector/metric_catalogue.hpp"
#include "ports/metric_set.hpp"
#include "ports/series_table.hpp"

namespace carillon::metric_collector {

/// A slot of a series, or several merged into one period. Latencies in microseconds, the rest as it is.
struct SeriesPoint {
  base::EpochMs start = 0;
  base::Histogram values;
};

/// The series of all metrics of the catalogue (CONTRACT §13): looks at the service's figures once a second,
/// makes slots of ten seconds and of five minutes of them, and gives out what is to be written. Time is
/// passed in; where it goes back a little, what comes counts for the latest slot. The collector's loop only.
class MetricSeries {
 public:
  /// Slots that could not be written are kept up to this many, the newest, besides those under way; of all
  /// metrics together.
  static constexpr std::size_t kMostUnwritten = 1000;

  explicit MetricSeries(ports::SeriesTable& table);

  /// Takes the current slots up again after a restart; before the first take(). Errors: the table's, and
  /// then nothing is changed.
  base::Result<void> load(base::EpochMs now);
  /// What came since the last call goes into the slots of `now`. True when a slot has ended by it.
  bool take(const ports::MetricSet& figures, base::EpochMs now);
  /// The time that slots go by.
  base::EpochMs latest() const { return latest_; }
  /// The clock was wrong: slots go by `now` from here on, and those that are there are gone on with.
  void go_back(base::EpochMs now);

  using Cells = std::shared_ptr<const std::vector<ports::SeriesCell>>;
  /// What changed since it was given out last, for whoever writes it to the table; any thread may read it.
  /// Null when there is nothing, or the last ones are under way.
  Cells begin_write();
  /// Whether they were written; if not, they stay for the next time, within bounds, and it is counted.
  void end_write(bool written);
  /// Writes here and now, what is under way too. Errors: the table's.
  base::Result<void> flush();
  /// Removes what is older than 24 hours (ten seconds) and 30 days (five minutes). Any thread. Errors: the
  /// table's.
  base::Result<void> forget_old(base::EpochMs now) const;

  using Visitor = std::function<void(const SeriesPoint& point)>;
  /// Visits the periods with from ≤ start < to, oldest first, the current one as far as it is; periods begin
  /// at whole multiples of `period` since 1970. A metric of kind `latency` has points only where there are
  /// values; of the others, a period in which nothing ran has none. `period` is a multiple of ten seconds:
  /// one of five minutes reaches back 30 days, another 24 hours. Holds one period at a time. Errors: the
  /// table's.
  base::Result<void> visit(const Metric& metric, base::EpochMs from, base::EpochMs to,
                           std::chrono::milliseconds period, const Visitor& each) const;
  /// The same, where the caller knows that there are few.
  base::Result<std::vector<SeriesPoint>> points(const Metric& metric, base::EpochMs from, base::EpochMs to,
                                                std::chrono::milliseconds period) const;

  /// Writes that failed, and slots that were given up for it. Any thread.
  std::uint64_t write_failures() const { return write_failures_.value(); }

 private:
  struct Slot {
    base::EpochMs start = 0;
    base::Histogram values;
    bool seen = false;     ///< something was looked at in it
    bool changed = false;  ///< since it was given out to be written
  };
  /// One metric's, in the order of the catalogue.
  struct Series {
    std::uint64_t counted = 0;  ///< by the last look
    base::Histogram measured;   ///< by the last look
    Slot slots[2];              ///< by resolution
  };

  Slot& slot_of(const ports::SeriesCell& cell);
  /// The slot that begins at `start`, as far as it is known here or in the table.
  base::Result<Slot> known(const Metric& metric, ports::Resolution resolution, base::EpochMs start) const;
  base::Result<Slot> stored(const Metric& metric, ports::Resolution resolution, base::EpochMs start) const;
  /// Ends slots that do not begin there. True when there were any.
  bool begin_slots(base::EpochMs now);
  void put(Series& series, const base::Histogram& values);
  /// What is under way is to be written again.
  void take_back();
  /// Gives up the oldest that are too many.
  void keep_bounds();
  std::map<base::EpochMs, const base::Histogram*> unwritten(const Metric& metric,
                                                            ports::Resolution resolution) const;

  ports::SeriesTable& table_;
  std::vector<Series> series_;
  std::deque<ports::SeriesCell> finished_;  ///< not given out yet
  Cells under_way_;                         ///< older than those
  base::EpochMs latest_ = 0;
  base::EpochMs stored_until_ = 0;  ///< slots that start later are nowhere yet
  base::SharedCounter write_failures_;
};

}  // namespace carillon::metric_collector
