#include "metric_collector/metric_series.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

namespace carillon::metric_collector {
namespace {

using base::EpochMs;
using base::Histogram;
using base::Result;
using ports::MetricSample;
using ports::Resolution;
using ports::SeriesCell;

constexpr std::array kResolutions{Resolution::ten_seconds, Resolution::five_minutes};
constexpr std::chrono::milliseconds kKeptTenSeconds{std::chrono::hours(24)};
constexpr std::chrono::milliseconds kKeptFiveMinutes{std::chrono::days(30)};
constexpr double kMostLevel = 9e15;  // whole numbers up to there are exact

EpochMs start_of(EpochMs time, std::chrono::milliseconds length) {
  return time - time % length.count();
}

bool belongs(const Metric& metric, const MetricSample& sample) {
  if (metric.label.empty()) return true;
  return std::ranges::any_of(sample.labels, [&](const auto& label) {
    return label.first == metric.label && std::string_view(label.second).starts_with(metric.value);
  });
}

template <typename Each>
void for_each_sample(const Metric& metric, const ports::MetricSet& figures, Each each) {
  const ports::MetricFamily* family = figures.find(metric.family);
  if (!family) return;
  for (const MetricSample& sample : family->samples)
    if (belongs(metric, sample)) each(sample);
}

std::uint64_t counted_now(const Metric& metric, const ports::MetricSet& figures) {
  double sum = 0;
  for_each_sample(metric, figures, [&](const MetricSample& sample) { sum += sample.value; });
  return static_cast<std::uint64_t>(sum);
}

Histogram measured_now(const Metric& metric, const ports::MetricSet& figures) {
  Histogram all;
  for_each_sample(metric, figures, [&](const MetricSample& sample) { all.merge(sample.histogram); });
  return all;
}

/// Ages do not add up: of several queues the oldest message counts. Nothing when nobody says.
std::optional<std::uint64_t> level_now(const Metric& metric, const ports::MetricSet& figures) {
  std::optional<double> level;
  for_each_sample(metric, figures, [&](const MetricSample& sample) {
    const double before = level.value_or(0);
    level = metric.unit == MetricUnit::seconds ? std::max(before, sample.value) : before + sample.value;
  });
  if (!level || !std::isfinite(*level)) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(std::clamp(*level, 0.0, kMostLevel)));
}

/// Joins cells, given in the order of time, to periods.
class Periods {
 public:
  Periods(bool only_with_values, std::chrono::milliseconds length, const MetricSeries::Visitor& each)
      : only_with_values_(only_with_values), length_(length), each_(each) {}

  void add(EpochMs start, const Histogram& values) {
    if (only_with_values_ && values.empty()) return;
    const EpochMs begin = start_of(start, length_);
    if (point_ && point_->start != begin) end();
    if (!point_) point_ = SeriesPoint{begin, {}};
    point_->values.merge(values);
  }
  void end() {
    if (point_) each_(*point_);
    point_.reset();
  }

 private:
  bool only_with_values_;
  std::chrono::milliseconds length_;
  const MetricSeries::Visitor& each_;
  std::optional<SeriesPoint> point_;
};

}  // namespace

MetricSeries::MetricSeries(ports::SeriesTable& table) : table_(table), series_(catalogue().size()) {}

Result<MetricSeries::Slot> MetricSeries::stored(const Metric& metric, Resolution resolution,
                                                EpochMs start) const {
  Slot slot{start, {}, false, false};
  const auto read =
      table_.read(metric.name, resolution, start, start + 1, [&](EpochMs, const Histogram& values) {
        slot.values = values;
        slot.seen = true;
      });
  if (!read) return std::unexpected(read.error());
  return slot;
}

Result<MetricSeries::Slot> MetricSeries::known(const Metric& metric, Resolution resolution,
                                               EpochMs start) const {
  const auto ours = unwritten(metric, resolution);
  if (const auto at = ours.find(start); at != ours.end()) return Slot{start, *at->second, true, false};
  return stored(metric, resolution, start);
}

MetricSeries::Slot& MetricSeries::slot_of(const SeriesCell& cell) {
  const Metric* metric = find_metric(cell.metric);
  assert(metric);
  Series& series = series_[static_cast<std::size_t>(metric - catalogue().data())];
  return series.slots[cell.resolution == kResolutions[0] ? 0 : 1];
}

Result<void> MetricSeries::load(EpochMs now) {
  std::vector<Series> loaded(series_.size());
  EpochMs newest = 0;
  for (std::size_t i = 0; i < loaded.size(); ++i)
    for (std::size_t r = 0; r < kResolutions.size(); ++r) {
      const Metric& metric = catalogue()[i];
      const EpochMs start = start_of(now, ports::length_of(kResolutions[r]));
      auto slot = stored(metric, kResolutions[r], start);
      if (!slot) return std::unexpected(std::move(slot.error()));
      loaded[i].slots[r] = std::move(*slot);
      const auto read = table_.read(metric.name, kResolutions[r], start, std::numeric_limits<EpochMs>::max(),
                                    [&](EpochMs each, const Histogram&) { newest = std::max(newest, each); });
      if (!read) return read;
    }
  series_ = std::move(loaded);
  latest_ = now;
  stored_until_ = newest;
  return {};
}

bool MetricSeries::begin_slots(EpochMs now) {
  bool ended = false;
  for (std::size_t i = 0; i < series_.size(); ++i)
    for (std::size_t r = 0; r < kResolutions.size(); ++r) {
      Slot& slot = series_[i].slots[r];
      const EpochMs start = start_of(now, ports::length_of(kResolutions[r]));
      if (slot.start == start) continue;
      ended = true;
      if (slot.changed)
        finished_.push_back(
            {std::string(catalogue()[i].name), kResolutions[r], slot.start, std::move(slot.values)});
      slot = Slot{start, {}, false, false};
      // Only after the clock went back.
      if (start <= stored_until_)
        if (auto found = known(catalogue()[i], kResolutions[r], start)) slot = std::move(*found);
    }
  keep_bounds();
  return ended;
}

void MetricSeries::keep_bounds() {
  for (; finished_.size() > kMostUnwritten; finished_.pop_front()) write_failures_.add();
}

void MetricSeries::go_back(EpochMs now) {
  stored_until_ = std::max(stored_until_, latest_);
  latest_ = now;
}

void MetricSeries::put(Series& series, const Histogram& values) {
  for (Slot& slot : series.slots) {
    slot.values.merge(values);
    slot.seen = slot.changed = true;
  }
}

bool MetricSeries::take(const ports::MetricSet& figures, EpochMs now) {
  latest_ = std::max(latest_, now);
  const bool ended = begin_slots(latest_);
  for (std::size_t i = 0; i < series_.size(); ++i) {
    const Metric& metric = catalogue()[i];
    Series& series = series_[i];
    Histogram values;
    switch (metric.kind) {
      case SeriesKind::events: {
        const std::uint64_t counted = counted_now(metric, figures);
        values.add(1, counted >= series.counted ? counted - series.counted : counted);
        series.counted = counted;
        break;
      }
      case SeriesKind::latency: {
        Histogram measured = measured_now(metric, figures);
        values = measured.since(series.measured);
        // A recorder that is being written may show a sum before its count: it is kept for the next look.
        if (values.empty()) continue;
        series.measured = std::move(measured);
        break;
      }
      case SeriesKind::level: {
        const auto level = level_now(metric, figures);
        if (!level) continue;
        values.add(*level);
        break;
      }
    }
    put(series, values);
  }
  return ended;
}

MetricSeries::Cells MetricSeries::begin_write() {
  if (under_way_) return nullptr;
  std::vector<SeriesCell> cells(std::make_move_iterator(finished_.begin()),
                                std::make_move_iterator(finished_.end()));
  finished_.clear();
  for (std::size_t i = 0; i < series_.size(); ++i)
    for (std::size_t r = 0; r < kResolutions.size(); ++r)
      if (Slot& slot = series_[i].slots[r]; std::exchange(slot.changed, false))
        cells.push_back({std::string(catalogue()[i].name), kResolutions[r], slot.start, slot.values});
  if (!cells.empty()) under_way_ = std::make_shared<const std::vector<SeriesCell>>(std::move(cells));
  return under_way_;
}

void MetricSeries::end_write(bool written) {
  if (written) return under_way_.reset();
  write_failures_.add();
  take_back();
}

void MetricSeries::take_back() {
  if (!under_way_) return;
  const Cells cells = std::move(under_way_);
  under_way_.reset();
  std::set<std::tuple<std::string_view, Resolution, EpochMs>> newer;
  for (const SeriesCell& each : finished_) newer.emplace(each.metric, each.resolution, each.start);
  std::vector<SeriesCell> ended;
  for (const SeriesCell& each : *cells)
    if (Slot& slot = slot_of(each); slot.start == each.start)
      slot.changed = true;
    else if (!newer.contains({each.metric, each.resolution, each.start}))
      ended.push_back(each);
  finished_.insert(finished_.begin(), std::make_move_iterator(ended.begin()),
                   std::make_move_iterator(ended.end()));
  keep_bounds();
}

Result<void> MetricSeries::flush() {
  take_back();
  const Cells cells = begin_write();
  if (!cells) return {};
  auto written = table_.write(*cells);
  end_write(written.has_value());
  return written;
}

Result<void> MetricSeries::forget_old(EpochMs now) const {
  if (auto forgot = table_.forget(Resolution::ten_seconds, now - kKeptTenSeconds.count()); !forgot)
    return forgot;
  return table_.forget(Resolution::five_minutes, now - kKeptFiveMinutes.count());
}

std::map<EpochMs, const Histogram*> MetricSeries::unwritten(const Metric& metric,
                                                            Resolution resolution) const {
  std::map<EpochMs, const Histogram*> found;
  const auto add = [&](const SeriesCell& each) {
    if (each.resolution == resolution && each.metric == metric.name) found[each.start] = &each.values;
  };
  if (under_way_) std::ranges::for_each(*under_way_, add);
  std::ranges::for_each(finished_, add);
  const Series& series = series_[static_cast<std::size_t>(&metric - catalogue().data())];
  for (std::size_t r = 0; r < kResolutions.size(); ++r)
    if (const Slot& slot = series.slots[r]; kResolutions[r] == resolution && slot.seen)
      found[slot.start] = &slot.values;
  return found;
}

Result<void> MetricSeries::visit(const Metric& metric, EpochMs from, EpochMs to,
                                 std::chrono::milliseconds period, const Visitor& each) const {
  assert(period.count() > 0 && period % ports::length_of(Resolution::ten_seconds) == period.zero());
  const auto resolution = period % ports::length_of(Resolution::five_minutes) == period.zero()
                              ? Resolution::five_minutes
                              : Resolution::ten_seconds;
  const auto first_from = [&](EpochMs time) {
    return start_of(std::max<EpochMs>(time, 0) + period.count() - 1, period);
  };
  const EpochMs first = first_from(from), end = first_from(to);
  Periods periods(metric.kind == SeriesKind::latency, period, each);
  // What is not written yet says more than what is: it has that in it.
  const auto ours = unwritten(metric, resolution);
  auto next = ours.lower_bound(first);
  const auto add_ours_before = [&](EpochMs time) {
    for (; next != ours.end() && next->first < time; ++next) periods.add(next->first, *next->second);
  };
  const auto read =
      table_.read(metric.name, resolution, first, end, [&](EpochMs start, const Histogram& values) {
        add_ours_before(start);
        if (next == ours.end() || next->first != start) periods.add(start, values);
      });
  if (!read) return read;
  add_ours_before(end);
  periods.end();
  return {};
}

Result<std::vector<SeriesPoint>> MetricSeries::points(const Metric& metric, EpochMs from, EpochMs to,
                                                      std::chrono::milliseconds period) const {
  std::vector<SeriesPoint> found;
  const auto visited =
      visit(metric, from, to, period, [&](const SeriesPoint& point) { found.push_back(point); });
  if (!visited) return std::unexpected(visited.error());
  return found;
}

}  // namespace carillon::metric_collector
