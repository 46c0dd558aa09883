#pragma once

#include "embedded/store.hpp"
#include "ports/series_table.hpp"

namespace carillon::embedded {

/// Series of metrics in the embedded store. Any thread. A write does not wait where RocksDB makes writers
/// wait: it is unavailable then.
class LocalSeries final : public ports::SeriesTable {
 public:
  explicit LocalSeries(Store& store) : store_(store) {}

  base::Result<void> write(const std::vector<ports::SeriesCell>& cells) override {
    return store_.write_series(cells);
  }
  base::Result<void> read(std::string_view metric, ports::Resolution resolution, base::EpochMs from,
                          base::EpochMs to, const Visitor& visit) const override {
    return store_.read_series(metric, resolution, from, to, visit);
  }
  base::Result<void> forget(ports::Resolution resolution, base::EpochMs before) override {
    return store_.forget_series(resolution, before);
  }

 private:
  Store& store_;
};

}  // namespace carillon::embedded
