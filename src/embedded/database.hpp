#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <rocksdb/db.h>

#include "embedded/keys.hpp"
#include "embedded/stall_clock.hpp"
#include "embedded/store_options.hpp"

namespace carillon::embedded {

class TableLog;

enum class Opening {
  existing,  ///< with every column family that this program knows
  create,    ///< makes the database
  upgrade,   ///< makes the column families that are missing
};

/// The open RocksDB database with its column families in the order of keys::ColumnFamily. Included by the
/// sources of this room only.
class Database {
 public:
  /// Opens what is in `directory`. Errors: store_corrupt, unavailable, with texts that name the file.
  static base::Result<std::unique_ptr<Database>> open(const std::filesystem::path& directory,
                                                      const StoreOptions& options,
                                                      std::shared_ptr<RetentionInForce> retention,
                                                      Opening opening);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* handle(keys::ColumnFamily family) const { return handles_[family]; }
  const std::filesystem::path& directory() const { return directory_; }
  /// For how long writes were slowed down or stopped since it was opened. Any thread.
  std::chrono::microseconds stalled() const { return stalls_->total(); }

  rocksdb::Status get(keys::ColumnFamily family, std::string_view key, rocksdb::PinnableSlice& value) const;
  /// An iterator over `prefix` only: `upper` and the prefix must outlive it.
  std::unique_ptr<rocksdb::Iterator> iterate(keys::ColumnFamily family, const rocksdb::Slice* lower,
                                             const rocksdb::Slice* upper) const;

  /// Checks files block by block: all of the column families that publishing needs, and of history and series
  /// the newest up to `history_bytes`.
  base::Result<void> verify_files(std::uint64_t history_bytes) const;
  /// The same; `each` gets what was found of a file and its size, and ends it by returning false.
  void check_files(std::uint64_t history_bytes,
                   const std::function<bool(const base::Result<void>&, std::uint64_t bytes)>& each) const;

  /// What RocksDB said, as an error: corruption names the file and the way out.
  base::Error error(const rocksdb::Status& status) const;

 private:
  Database(std::filesystem::path directory) : directory_(std::move(directory)) {}

  std::filesystem::path directory_;
  std::shared_ptr<TableLog> log_;
  std::shared_ptr<StallClock> stalls_ = std::make_shared<StallClock>();
  rocksdb::Options options_;
  rocksdb::DB* db_ = nullptr;
  std::array<rocksdb::ColumnFamilyHandle*, keys::kColumnFamilyNames.size()> handles_{};
};

/// `details` of store_corrupt for a file, or for the whole store when `file` is empty.
std::string corruption_text(const std::filesystem::path& store, std::string_view file, std::string_view what);

inline std::string_view view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}
inline rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace carillon::embedded
