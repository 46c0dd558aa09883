#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/histogram.hpp"
#include "model/errors.hpp"

namespace carillon::ports {

/// The length of a slot of a series: slots begin at whole multiples of it since 1970.
enum class Resolution : std::uint8_t { ten_seconds = 1, five_minutes = 2 };

inline std::chrono::milliseconds length_of(Resolution resolution) {
  return resolution == Resolution::ten_seconds ? std::chrono::milliseconds(std::chrono::seconds(10))
                                               : std::chrono::milliseconds(std::chrono::minutes(5));
}

/// What one metric came to in one slot. An empty histogram says: looked, and there was nothing.
struct SeriesCell {
  std::string metric;  ///< of the closed list in docs/metrics.md
  Resolution resolution = Resolution::ten_seconds;
  base::EpochMs start = 0;
  base::Histogram values;
};

/// Where series of metrics are kept (CONTRACT §13): ten seconds for 24 h, five minutes for 30 days. Any
/// thread; calls wait for the disk, so not on a loop that people wait for. Errors of all: unavailable.
class SeriesTable {
 public:
  using Visitor = std::function<void(base::EpochMs start, const base::Histogram& values)>;

  virtual ~SeriesTable() = default;
  /// All or none; a cell that is there is replaced. Survives a crash of the process, a power cut only with
  /// what is synced next.
  virtual base::Result<void> write(const std::vector<SeriesCell>& cells) = 0;
  /// Visits the cells with from ≤ start < to, oldest first. One that cannot be read is an error.
  virtual base::Result<void> read(std::string_view metric, Resolution resolution, base::EpochMs from,
                                  base::EpochMs to, const Visitor& visit) const = 0;
  /// Removes what starts before.
  virtual base::Result<void> forget(Resolution resolution, base::EpochMs before) = 0;
};

}  // namespace carillon::ports
