#include "embedded/backup.hpp"

#include <array>
#include <atomic>
#include <fstream>

#include <fmt/format.h>
#include <rocksdb/utilities/backup_engine.h>

#include "base/bytes.hpp"
#include "embedded/backup_directory.hpp"
#include "embedded/database.hpp"
#include "embedded/directory_lock.hpp"
#include "embedded/format_file.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using model::fail;
namespace errors = model::errors;
namespace fs = std::filesystem;

constexpr std::uint64_t kReportEvery = 4u << 20;

Result<void> succeeded(std::string_view doing, const fs::path& out, const rocksdb::Status& status) {
  if (status.ok()) return {};
  return fail(status.IsCorruption() ? kStoreCorrupt : errors::kUnavailable,
              fmt::format("cannot {} in {}: {}", doing, out.string(), status.ToString()));
}

/// The engine for changes. Whoever opens it holds the directory's lock.
Result<std::unique_ptr<rocksdb::BackupEngine>> open_engine(const fs::path& out,
                                                           std::uint64_t bytes_per_second) {
  rocksdb::BackupEngineOptions options(out.string());
  options.backup_rate_limit = bytes_per_second;
  options.callback_trigger_interval_size = kReportEvery;
  rocksdb::BackupEngine* engine = nullptr;
  const auto opened = rocksdb::BackupEngine::Open(options, rocksdb::Env::Default(), &engine);
  if (const auto done = succeeded("open the backups", out, opened); !done)
    return std::unexpected(done.error());
  return std::unique_ptr<rocksdb::BackupEngine>(engine);
}

Result<std::unique_ptr<DirectoryLock>> lock_backups(const fs::path& out) {
  auto lock = DirectoryLock::acquire(out);
  if (!lock && lock.error().is(kStoreInUse))
    return fail(kStoreInUse,
                fmt::format("another backup is being made in {}: wait for it to end", out.string()));
  return lock;
}

std::string metadata_of(std::string_view epoch) {
  return fmt::format("carillon store {} {}", kFormatVersion, epoch);
}

}  // namespace

Result<BackupReport> create_backup(const Database& database, std::string_view epoch, const fs::path& out,
                                   const fs::path& data_directory, std::uint64_t bytes_per_second,
                                   const UpkeepProgress& progress, std::stop_token stop) {
  if (const auto ready = prepare_backup_directory(out, data_directory, epoch); !ready)
    return std::unexpected(ready.error());
  const auto lock = lock_backups(out);
  if (!lock) return std::unexpected(lock.error());
  const auto engine = open_engine(out, bytes_per_second);
  if (!engine) return std::unexpected(engine.error());

  std::atomic<std::uint64_t> copied{0};
  rocksdb::CreateBackupOptions create;
  create.progress_callback = [&] { progress("copying", copied += kReportEvery); };
  create.decrease_background_thread_cpu_priority = true;
  create.background_thread_cpu_priority = rocksdb::CpuPriority::kLow;
  BackupReport report{.epoch = std::string(epoch)};
  rocksdb::Status status = rocksdb::Status::Incomplete();
  if (!stop.stop_requested()) {
    const std::stop_callback on_stop(stop, [&] { (*engine)->StopBackup(); });
    status = (*engine)->CreateNewBackupWithMetadata(create, &database.db(), metadata_of(epoch), &report.id);
  }
  if (status.IsIncomplete())
    return fail(errors::kUnavailable, "the backup was stopped and counts for nothing: make it again");
  if (const auto made = succeeded("make a backup", out, status); !made) return std::unexpected(made.error());
  rocksdb::BackupInfo info;
  if (const auto read = succeeded("read the backup", out, (*engine)->GetBackupInfo(report.id, &info)); !read)
    return std::unexpected(read.error());
  report.bytes = info.size;
  report.files = info.number_files;
  return report;
}

Result<void> verify_backup(const fs::path& out, std::uint32_t id) {
  rocksdb::BackupEngineReadOnly* opened = nullptr;
  const auto status = rocksdb::BackupEngineReadOnly::Open(rocksdb::BackupEngineOptions(out.string()),
                                                          rocksdb::Env::Default(), &opened);
  if (const auto done = succeeded("open the backups", out, status); !done) return done;
  const std::unique_ptr<rocksdb::BackupEngineReadOnly> engine(opened);
  return succeeded(fmt::format("verify backup {}", id), out, engine->VerifyBackup(id, true));
}

Result<void> prune_backups(const fs::path& out, std::uint32_t keep) {
  const auto lock = lock_backups(out);
  if (!lock) return std::unexpected(lock.error());
  const auto engine = open_engine(out, 0);
  if (!engine) return std::unexpected(engine.error());
  if (const auto purged = succeeded("remove old backups", out, (*engine)->PurgeOldBackups(keep)); !purged)
    return purged;
  return succeeded("remove old files", out, (*engine)->GarbageCollect());
}

}  // namespace carillon::embedded
