#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "embedded/backup.hpp"

namespace carillon::embedded {

/// What `carillon verify` found. A finding is one line that names the column family and the key; it never
/// holds content.
struct CheckReport {
  static constexpr std::size_t kMostListed = 100;

  std::uint64_t records = 0;          ///< that were read
  std::uint64_t findings_total = 0;   ///< 0: the store is sound
  std::vector<std::string> findings;  ///< the first kMostListed of them
};

/// Reads every block of every file and every record, and compares what belongs together: messages with both
/// their indexes, counters with the numbers in use, permissions in both directions and with the number
/// of\n/// owners, dead letters with their ids, cursors with the log. As of one moment; what retention may
/// have taken away meanwhile is not missed. Slow, and takes as much memory whatever the size. Errors:
/// unavailable (stopped).
base::Result<CheckReport> check_database(const Database& database, std::function<base::EpochMs()> clock,
                                         const UpkeepProgress& progress, std::stop_token stop);

}  // namespace carillon::embedded
