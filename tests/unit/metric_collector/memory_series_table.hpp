#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "model/errors.hpp"
#include "ports/series_table.hpp"

namespace carillon::metric_collector::testing {

/// In memory; can be made to fail and to wait. Any thread.
class MemorySeriesTable final : public ports::SeriesTable {
 public:
  using Key = std::tuple<std::string, ports::Resolution, base::EpochMs>;

  base::Result<void> write(const std::vector<ports::SeriesCell>& cells) override {
    if (before_write) before_write();
    if (fails) return failure();
    const std::lock_guard lock(mutex_);
    ++writes;
    for (const ports::SeriesCell& each : cells)
      this->cells[{each.metric, each.resolution, each.start}] = each.values;
    return {};
  }
  base::Result<void> read(std::string_view metric, ports::Resolution resolution, base::EpochMs from,
                          base::EpochMs to, const Visitor& visit) const override {
    if (before_read) before_read();
    if (fails) return failure();
    const std::lock_guard lock(mutex_);
    for (auto at = cells.lower_bound({std::string(metric), resolution, from}); at != cells.end(); ++at) {
      const auto& [name, length, start] = at->first;
      if (name != metric || length != resolution || start >= to) break;
      visit(start, at->second);
    }
    return {};
  }
  base::Result<void> forget(ports::Resolution resolution, base::EpochMs before) override {
    if (fails) return failure();
    const std::lock_guard lock(mutex_);
    std::erase_if(cells, [&](const auto& each) {
      return std::get<1>(each.first) == resolution && std::get<2>(each.first) < before;
    });
    return {};
  }

  void put(const Key& key, const base::Histogram& values) {
    const std::lock_guard lock(mutex_);
    cells[key] = values;
  }
  bool has(const Key& key) const {
    const std::lock_guard lock(mutex_);
    return cells.contains(key);
  }

  std::map<Key, base::Histogram> cells;  ///< where nobody else is at it
  std::function<void()> before_write, before_read;
  std::atomic<bool> fails = false;
  int writes = 0;

 private:
  static std::unexpected<base::Error> failure() {
    return model::fail(model::errors::kUnavailable, "injected");
  }

  mutable std::mutex mutex_;
};

}  // namespace carillon::metric_collector::testing
