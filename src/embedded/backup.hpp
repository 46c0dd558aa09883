#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.hpp"

/// Backups of the embedded store: RocksDB's backup engine in a directory of its own, incremental, with shared
/// table files (docs/storage-format.md). Blocking and slow. Errors carry one line for the operator in
/// `details`: invalid_parameter, not_found, store_in_use, store_too_new, store_corrupt, unavailable.
namespace carillon::embedded {

class Database;

/// Says how far something slow is: what is being done, and how much of it is done (bytes, or records). Called
/// on any thread, from time to time.
using UpkeepProgress = std::function<void(std::string_view phase, std::uint64_t done)>;

struct BackupReport {
  std::uint32_t id = 0;
  std::uint64_t bytes = 0;  ///< of this backup, files shared with earlier ones included
  std::uint64_t files = 0;
  std::string epoch;  ///< of the store it was made of
};

/// Adds a backup of the open database to `out`, made when it is not there: a point in time not before the
/// call. What was copied when `stop` was requested counts for nothing (unavailable). `bytes_per_second` 0: as
/// fast as the disk is.
base::Result<BackupReport> create_backup(const Database& database, std::string_view epoch,
                                         const std::filesystem::path& out,
                                         const std::filesystem::path& data_directory,
                                         std::uint64_t bytes_per_second, const UpkeepProgress& progress,
                                         std::stop_token stop);

/// Reads the whole backup and compares its checksums.
base::Result<void> verify_backup(const std::filesystem::path& out, std::uint32_t id);
/// Removes all but the newest `keep`.
base::Result<void> prune_backups(const std::filesystem::path& out, std::uint32_t keep);

/// Puts a backup (the newest, when `id` is not said) into `data_directory`, which is absent or empty. The
/// store gets a new epoch and a new token secret, so that clients and page tokens of the old one end. What is
/// interrupted never bears the store's name; a server refuses it and the next restore begins again.
base::Result<BackupReport> restore_backup(const std::filesystem::path& in,
                                          const std::filesystem::path& data_directory,
                                          std::optional<std::uint32_t> id);

/// Whether a restore into the data directory was interrupted, and has to be repeated.
bool restore_unfinished(const std::filesystem::path& data_directory);
/// The restore is complete, as the store has its name: what says otherwise was left behind by a crash.
void forget_restore(const std::filesystem::path& data_directory);

}  // namespace carillon::embedded
