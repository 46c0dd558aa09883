#pragma once

#include "embedded/store.hpp"
#include "embedded/store_watch.hpp"
#include "ports/series_table.hpp"

namespace carillon::embedded {

/// Series of metrics in the embedded store. Any thread. A write does not wait where RocksDB makes writers
/// wait: it is unavailable then. So it is while the disk is nearly full: what fails to be written for want of
/// space takes the whole store along.
class LocalSeries final : public ports::SeriesTable {
 public:
  LocalSeries(Store& store, const StoreWatch& watch) : store_(store), watch_(watch) {}

  base::Result<void> write(const std::vector<ports::SeriesCell>& cells) override {
    return watch_.disk_open() ? store_.write_series(cells) : disk_closed();
  }
  base::Result<void> read(std::string_view metric, ports::Resolution resolution, base::EpochMs from,
                          base::EpochMs to, const Visitor& visit) const override {
    return store_.read_series(metric, resolution, from, to, visit);
  }
  base::Result<void> forget(ports::Resolution resolution, base::EpochMs before) override {
    return watch_.disk_open() ? store_.forget_series(resolution, before) : disk_closed();
  }

 private:
  static base::Result<void> disk_closed() {
    return model::fail(model::errors::kUnavailable, "disk nearly full");
  }

  Store& store_;
  const StoreWatch& watch_;
};

}  // namespace carillon::embedded
