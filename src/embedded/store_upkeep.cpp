#include "embedded/store_upkeep.hpp"

#include <atomic>

#include "base/log.hpp"
#include "embedded/store_reading.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using std::chrono::steady_clock;

/// Longer ones are RocksDB's own, of column families in which nothing expires.
constexpr std::uint64_t kMostPeriod = 24 * 3600;

/// Stopped when either of the two is.
class EitherStop {
 public:
  EitherStop(std::stop_token a, std::stop_token b)
      : on_a_(std::move(a), [this] { source_.request_stop(); }),
        on_b_(std::move(b), [this] { source_.request_stop(); }) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::stop_callback<std::function<void()>> on_a_, on_b_;
};

keys::ColumnFamily family_at(std::size_t index) {
  return static_cast<keys::ColumnFamily>(index);
}

/// Whether a file is older than what its column family's options allow, by RocksDB's own clock.
bool has_old_file(const Database& database, keys::ColumnFamily family, std::uint64_t period) {
  std::int64_t now = 0;
  if (!database.db().GetEnv()->GetCurrentTime(&now).ok()) return false;
  rocksdb::ColumnFamilyMetaData meta;
  database.db().GetColumnFamilyMetaData(database.handle(family), &meta);
  for (const auto& level : meta.levels)
    for (const auto& file : level.files) {
      std::uint64_t made = file.file_creation_time;
      // Not known of what recovery wrote: RocksDB then goes by the file system, too.
      if (made == 0 && !database.db()
                            .GetEnv()
                            ->GetFileModificationTime(file.directory + '/' + file.relative_filename, &made)
                            .ok())
        continue;
      if (!file.being_compacted && made + period <= static_cast<std::uint64_t>(now)) return true;
    }
  return false;
}

/// RocksDB's own rewriting keeps each file on its level, where what deletes and what is deleted do not meet.
rocksdb::Status rewrite(const Database& database, keys::ColumnFamily family, std::stop_token stop) {
  std::atomic<bool> canceled{false};
  const std::stop_callback on_stop(std::move(stop), [&] { canceled = true; });
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  options.canceled = &canceled;
  return database.db().CompactRange(options, database.handle(family), nullptr, nullptr);
}

}  // namespace

Result<BackupReport> StoreUpkeep::backup(const std::filesystem::path& out, std::uint64_t bytes_per_second,
                                         const UpkeepProgress& progress, std::stop_token stop) const {
  const Store::Reading reading(store_);
  if (!reading) return store_closed();
  const EitherStop either(std::move(stop), store_.long_reads_.get_token());
  return create_backup(*reading, store_.epoch(), out, store_.directory(), bytes_per_second, progress,
                       either.token());
}

Result<CheckReport> StoreUpkeep::check(const UpkeepProgress& progress, std::stop_token stop) const {
  const Store::Reading reading(store_);
  if (!reading) return store_closed();
  const EitherStop either(std::move(stop), store_.long_reads_.get_token());
  return check_database(*reading, store_.options_.clock, progress, either.token());
}

std::chrono::seconds StoreUpkeep::retention_interval() const {
  return rewrite_check_interval(store_.options_.retention);
}

void StoreUpkeep::follow_retention(std::stop_token stop) {
  const Store::Reading reading(store_);
  if (!reading || store_.failed()) return;
  const EitherStop either(std::move(stop), store_.long_reads_.get_token());
  const auto period = static_cast<std::uint64_t>(rewrite_period(store_.options_.retention).count());
  rocksdb::Status status = flush_old(*reading);
  for (const auto family : {keys::kLog, keys::kDeadLetters})
    if (status.ok() && has_old_file(*reading, family, period))
      status = rewrite(*reading, family, either.token());
  for (std::size_t i = 0; i < filled_since_.size() && status.ok(); ++i) {
    rocksdb::ColumnFamilyHandle* const handle = reading->handle(family_at(i));
    const std::uint64_t allowed = reading->db().GetOptions(handle).periodic_compaction_seconds;
    // RocksDB looks at the age of files only when something changes: an option set to what it is will do.
    if (allowed != 0 && allowed <= kMostPeriod && has_old_file(*reading, family_at(i), allowed))
      status = reading->db().SetOptions(handle, {{"periodic_compaction_seconds", std::to_string(allowed)}});
  }
  if (!status.ok() && !either.token().stop_requested())
    base::log::warn("retention_behind", "what has expired could not be taken off the disk yet",
                    {{"reason", status.ToString()}});
}

rocksdb::Status StoreUpkeep::flush_old(const Database& database) {
  const auto now = steady_clock::now();
  const auto period = rewrite_period(store_.options_.retention);
  std::vector<rocksdb::ColumnFamilyHandle*> old;
  for (std::size_t i = 0; i < filled_since_.size(); ++i) {
    std::uint64_t entries = 0;
    database.db().GetIntProperty(database.handle(family_at(i)),
                                 rocksdb::DB::Properties::kNumEntriesActiveMemTable, &entries);
    if (entries == 0) {
      filled_since_[i] = {};
    } else if (filled_since_[i] == steady_clock::time_point()) {
      filled_since_[i] = now;
    } else if (now - filled_since_[i] >= period) {
      filled_since_[i] = {};
      old.push_back(database.handle(family_at(i)));
    }
  }
  if (old.empty()) return {};
  rocksdb::FlushOptions options;
  options.wait = false;
  return database.db().Flush(options, old);
}

Result<void> Store::verify() const {
  const auto report = StoreUpkeep(*this).check([](auto, auto) {}, {});
  if (!report) return std::unexpected(report.error());
  if (report->findings_total == 0) return {};
  const std::string& first = report->findings.front();
  return model::fail(kStoreCorrupt, corruption_text(directory_ / "store", {}, first));
}

Result<void> Store::compact() {
  const Reading reading(*this);
  if (!reading) return store_closed();
  rocksdb::CompactRangeOptions options;
  // A file that lies on the last level already passes the filter again too.
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (std::uint32_t i = 0; i < keys::kColumnFamilyNames.size(); ++i) {
    const rocksdb::Status status =
        reading->db().CompactRange(options, reading->handle(family_at(i)), nullptr, nullptr);
    if (!status.ok()) return read_failed(*reading, status);
  }
  return {};
}

StoreFigures Store::figures() const {
  StoreFigures figures;
  const Reading reading(*this);
  figures.stalled = stalled_before_;
  if (!reading) return figures;
  figures.stalled += reading->stalled();
  reading->db().GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables,
                                         &figures.memtable_bytes);
  reading->db().GetIntProperty(rocksdb::DB::Properties::kBlockCacheUsage, &figures.block_cache_bytes);
  const auto is_set = [&](const std::string& property) {
    std::uint64_t value = 0;
    return reading->db().GetIntProperty(property, &value) && value > 0;
  };
  figures.write_stopped = is_set(rocksdb::DB::Properties::kIsWriteStopped);
  figures.write_delayed = is_set(rocksdb::DB::Properties::kActualDelayedWriteRate);
  return figures;
}

StoreSizes Store::sizes() const {
  StoreSizes sizes;
  const Reading reading(*this);
  if (!reading) return sizes;
  reading->db().GetAggregatedIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &sizes.table_bytes);
  // GetSortedWalFiles would hold up the removal of files, under the lock that writers need.
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory_ / "store", error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() != ".log") continue;
    std::error_code gone;
    if (const std::uint64_t bytes = at->file_size(gone); !gone) sizes.wal_bytes += bytes;
  }
  return sizes;
}

}  // namespace carillon::embedded
