#include "embedded/store.hpp"

#include <cassert>
#include <mutex>

#include <fmt/format.h>

#include "base/log.hpp"
#include "embedded/backup.hpp"
#include "embedded/backup_directory.hpp"
#include "embedded/database.hpp"
#include "embedded/directory_lock.hpp"
#include "embedded/format_file.hpp"
#include "embedded/store_reading.hpp"
#include "embedded/upgrade.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using model::fail;
namespace errors = model::errors;
namespace fs = std::filesystem;

constexpr std::string_view kDatabaseName = "store";
constexpr std::string_view kUnfinishedName = "store.new";

/// Makes the store under another name first, so that what bears the real name was complete once.
Result<void> create(const fs::path& data_directory, const StoreOptions& options,
                    const std::shared_ptr<RetentionInForce>& retention) {
  if (restore_unfinished(data_directory))
    return fail(
        errors::kUnavailable,
        fmt::format("a restore into {} was interrupted: run carillon restore again, or remove the directory",
                    data_directory.string()));
  const fs::path unfinished = data_directory / kUnfinishedName;
  std::error_code code;
  fs::remove_all(unfinished, code);
  if (code) return io_failure("remove", unfinished, code);
  if (const auto made = make_private(unfinished); !made) return made;
  if (const auto written = write_format(data_directory); !written) return written;
  {
    auto database = Database::open(unfinished, options, retention, Opening::create);
    if (!database) return std::unexpected(std::move(database.error()));
    if (const auto named = write_names(**database, new_epoch(), new_token_secret()); !named) return named;
  }
  fs::rename(unfinished, data_directory / kDatabaseName, code);
  if (code) return io_failure("rename", unfinished, code);
  return sync_directory(data_directory);
}

/// Brings a store of an older format to this program's. Its files are checked first: the damaged are refused.
Result<void> upgrade(const fs::path& data_directory, const StoreOptions& options,
                     const std::shared_ptr<RetentionInForce>& retention) {
  const auto format = read_format(data_directory);
  if (!format) return std::unexpected(format.error());
  if (*format == kFormatVersion) return {};
  const auto database = Database::open(data_directory / kDatabaseName, options, retention, Opening::upgrade);
  if (!database) return std::unexpected(database.error());
  if (const auto sound = (*database)->verify_files(options.verify_history_bytes); !sound) return sound;
  if (const auto upgraded = upgrade_database(**database, *format); !upgraded) return upgraded;
  return write_format(data_directory);
}

Result<std::string> read_name(const Database& database, std::string_view key) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = database.get(keys::kMeta, key, value);
  if (!status.ok()) return read_failed(database, status);
  return value.ToString();
}

/// Remembers what may be gone, whatever retention is in force later: `verify` does not miss it.
Result<void> note_retention(const Database& database, const Retention& retention) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = database.get(keys::kMeta, keys::kRetentionKey, value);
  if (!status.ok() && !status.IsNotFound()) return read_failed(database, status);
  const auto before = status.ok() ? decode_retention(view(value)) : std::optional(kKeepEverything);
  if (!before) return record_damaged(database, keys::kMeta);
  const Retention shortest = shorter_of(*before, retention);
  if (shortest == *before) return {};
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const rocksdb::Status written = database.db().Put(synced, database.handle(keys::kMeta),
                                                    slice(keys::kRetentionKey), encode_retention(shortest));
  if (!written.ok()) return std::unexpected(database.error(written));
  return {};
}

/// The log is written before any cursor that passes it, so a cursor beyond its end means that a file of the
/// write-ahead log is gone, which RocksDB does not notice.
Result<void> check_log_reaches_cursors(const Database& database) {
  const auto end = read_log_end(database);
  if (!end) return std::unexpected(end.error());
  const auto all = read_cursors(database);
  if (!all) return std::unexpected(all.error());
  for (const QueueCursor& each : *all)
    if (each.position > end->position)
      return fail(kStoreCorrupt,
                  corruption_text(database.directory(), {},
                                  fmt::format("{} is settled up to {}, but the event log ends at {}: a "
                                              "write-ahead file (*.log) is missing",
                                              each.queue, each.position, end->position)));
  return {};
}

}  // namespace

Store::Store(fs::path directory, StoreOptions options)
    : directory_(std::move(directory)),
      options_(std::move(options)),
      retention_(std::make_shared<RetentionInForce>(options_.retention)) {}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(fs::path directory, StoreOptions options) {
  if (const auto made = make_private(directory); !made) return std::unexpected(made.error());
  std::unique_ptr<Store> store(new Store(std::move(directory), std::move(options)));
  auto lock = DirectoryLock::acquire(store->directory_);
  if (!lock) return std::unexpected(std::move(lock.error()));
  store->lock_ = std::move(*lock);

  std::error_code code;
  const fs::path path = store->directory_ / kDatabaseName;
  const bool present = fs::exists(path, code);
  if (code) return io_failure("look at", path, code);
  if (present) forget_restore(store->directory_);
  const auto ready = present ? upgrade(store->directory_, store->options_, store->retention_)
                             : create(store->directory_, store->options_, store->retention_);
  if (!ready) return std::unexpected(ready.error());
  auto opened = store->open_database(store->options_.verify_history_bytes);
  if (!opened) return std::unexpected(std::move(opened.error()));
  store->database_ = std::move(*opened);
  auto epoch = read_name(*store->database_, keys::kEpochKey);
  if (!epoch) return std::unexpected(std::move(epoch.error()));
  store->epoch_ = std::move(*epoch);
  auto secret = read_name(*store->database_, keys::kTokenSecretKey);
  if (!secret) return std::unexpected(std::move(secret.error()));
  store->token_secret_ = std::move(*secret);
  if (const auto noted = note_retention(*store->database_, store->options_.retention); !noted)
    return std::unexpected(noted.error());
  return store;
}

Result<std::unique_ptr<Database>> Store::open_database(std::uint64_t verify_history_bytes) const {
  auto database = Database::open(directory_ / kDatabaseName, options_, retention_, Opening::existing);
  if (!database) return database;
  if (auto sound = (*database)->verify_files(verify_history_bytes); !sound)
    return std::unexpected(std::move(sound.error()));
  if (auto complete = check_log_reaches_cursors(**database); !complete)
    return std::unexpected(std::move(complete.error()));
  return database;
}

Result<void> Store::reopen() {
  long_reads_.request_stop();
  std::unique_ptr<Database> closing;
  {
    const std::unique_lock lock(mutex_);
    long_reads_ = std::stop_source();
    failed_ = true;
    closing = std::move(database_);
    if (closing) stalled_before_ = stalled_before_.load() + closing->stalled();
  }
  // This may take seconds: who wants to read meanwhile is told so, and does not wait for the lock.
  closing.reset();
  auto opened = open_database(0);
  if (!opened) return std::unexpected(std::move(opened.error()));
  const std::unique_lock lock(mutex_);
  database_ = std::move(*opened);
  ++generation_;
  failed_ = false;
  return {};
}

void Store::set_retention(Retention retention) {
  retention_->set(std::move(retention));
}

Result<void> Store::write_synced(CommitBatch& batch, std::uint64_t generation) {
  return write(batch, generation, Waiting::for_disk);
}

Result<void> Store::write_unsynced(CommitBatch& batch, std::uint64_t generation) {
  return write(batch, generation, Waiting::for_room);
}

Result<void> Store::write(CommitBatch& batch, std::uint64_t generation, Waiting waiting) {
  {
    const std::shared_lock lock(mutex_);
    if (!database_ || failed_ || generation != generation_)
      return fail(errors::kUnavailable, "the store takes no write until it is reopened");
    if (batch.empty()) return {};
    rocksdb::WriteOptions options;
    options.sync = waiting == Waiting::for_disk;
    options.no_slowdown = waiting == Waiting::for_nothing;
    batch.finish();
    rocksdb::WriteBatch changes(std::move(batch.bytes_));
    const rocksdb::Status status = database_->db().Write(options, &changes);
    batch.clear();
    if (status.ok()) return {};
    if (options.no_slowdown && status.IsIncomplete())
      return fail(errors::kUnavailable, "the store has no room for it at the moment");
    failed_ = true;
    const base::Error error = database_->error(status);
    base::log::error("store_write_failed",
                     "a write failed; the store takes no further one until it is reopened",
                     {{"reason", error.details()}});
  }
  if (failure_sink_) failure_sink_();
  return fail(errors::kUnavailable, "a write failed; whether it counts is unknown");
}

void Store::reclaim_log(model::Position before) {
  const std::shared_lock lock(mutex_);
  if (!database_) return;
  std::string from(8, '\0'), to;
  base::append_big_endian(to, before);
  const rocksdb::Slice first(from), last(to);
  const rocksdb::RangePtr range(&first, &last);
  const rocksdb::Status status = rocksdb::DeleteFilesInRanges(&database_->db(), database_->handle(keys::kLog),
                                                              &range, 1, /*include_end=*/false);
  if (!status.ok())
    base::log::warn("log_space_not_reclaimed", "trimmed files could not be given back yet",
                    {{"reason", status.ToString()}});
}

}  // namespace carillon::embedded
