#pragma once

#include <array>

#include <rocksdb/status.h>

#include "embedded/keys.hpp"
#include "embedded/store.hpp"
#include "embedded/store_check.hpp"

namespace carillon::embedded {

/// What keeps an open store healthy. backup() and check(): any thread, slow; they hold the database open, so
/// a store that must be reopened after a failed write stops them (unavailable). follow_retention(): one
/// thread.
class StoreUpkeep {
 public:
  explicit StoreUpkeep(const Store& store) : store_(store) {}

  /// As create_backup says; `bytes_per_second` 0: no limit.
  base::Result<BackupReport> backup(const std::filesystem::path& out, std::uint64_t bytes_per_second,
                                    const UpkeepProgress& progress, std::stop_token stop) const;
  base::Result<CheckReport> check(const UpkeepProgress& progress, std::stop_token stop) const;

  /// Brings the disk after what expired, on an idle server too: writes to disk what lies in memory for long,
  /// and has files rewritten that are older than the period. To be called every retention_interval(); does
  /// nothing when there is nothing old. Seconds where a log is long; `stop` ends it early.
  void follow_retention(std::stop_token stop = {});
  std::chrono::seconds retention_interval() const;

 private:
  rocksdb::Status flush_old(const Database& database);

  const Store& store_;
  /// When a column family was first seen with something in memory; the epoch for none.
  std::array<std::chrono::steady_clock::time_point, keys::kColumnFamilyNames.size()> filled_since_{};
};

}  // namespace carillon::embedded
