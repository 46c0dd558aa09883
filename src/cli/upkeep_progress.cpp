#include "cli/upkeep_progress.hpp"

#include <array>

#include <fmt/format.h>
#include <unistd.h>

#include "base/bytes.hpp"

namespace carillon::cli {

UpkeepProgressLine::UpkeepProgressLine(Console& console)
    : console_(console), shown_(::isatty(STDERR_FILENO) == 1) {}

UpkeepProgressLine::~UpkeepProgressLine() {
  if (shown_) console_.err << "\r\x1b[K" << std::flush;
}

embedded::UpkeepProgress UpkeepProgressLine::sink() {
  return [this](std::string_view phase, std::uint64_t done) {
    if (!shown_) return;
    const std::lock_guard lock(mutex_);
    console_.err << "\r\x1b[K" << base::printable(phase) << ": "
                 << (phase == "records" ? std::to_string(done) : shown_bytes(done)) << std::flush;
  };
}

std::string shown_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

}  // namespace carillon::cli
