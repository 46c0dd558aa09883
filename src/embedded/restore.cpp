#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <rocksdb/utilities/backup_engine.h>

#include "embedded/backup.hpp"
#include "embedded/backup_directory.hpp"
#include "embedded/database.hpp"
#include "embedded/directory_lock.hpp"
#include "embedded/format_file.hpp"
#include "embedded/upgrade.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using model::fail;
namespace errors = model::errors;
namespace fs = std::filesystem;

constexpr std::string_view kMarker = "restoring";
constexpr std::string_view kMetadataPrefix = "carillon store ";
/// What may lie in a directory in which a start, or a restore, was interrupted before there was a store.
constexpr std::array<std::string_view, 8> kLeftovers{"lock",      "format",  "format.new",    "store.new",
                                                     "restoring", "control", "restoring.new", "dev-key"};

Result<void> check_empty(const fs::path& data_directory) {
  std::error_code code;
  if (!fs::exists(data_directory, code)) return {};
  for (fs::directory_iterator at(data_directory, code), end; !code && at != end; at.increment(code))
    if (const std::string name = at->path().filename().string();
        std::ranges::find(kLeftovers, name) == kLeftovers.end())
      return fail(
          errors::kInvalidParameter,
          fmt::format("{} is not empty ({} is there): restore into a new directory (--data), and move it "
                      "to its place afterwards",
                      data_directory.string(), name));
  if (code) return io_failure("look at", data_directory, code);
  return {};
}

/// The store's format and epoch, as create_backup noted them.
struct Origin {
  unsigned format = 0;
  std::string epoch;
};

std::optional<Origin> origin_of(std::string_view metadata) {
  if (!metadata.starts_with(kMetadataPrefix)) return std::nullopt;
  metadata.remove_prefix(kMetadataPrefix.size());
  Origin origin;
  const auto [end, error] =
      std::from_chars(metadata.data(), metadata.data() + metadata.size(), origin.format);
  if (error != std::errc() || origin.format == 0 || end == metadata.data() + metadata.size())
    return std::nullopt;
  origin.epoch = std::string(end + 1, metadata.data() + metadata.size());
  return origin;
}

Result<std::unique_ptr<rocksdb::BackupEngineReadOnly>> open_backups(const fs::path& in) {
  if (const auto checked = check_backup_directory(in); !checked) return std::unexpected(checked.error());
  rocksdb::BackupEngineReadOnly* engine = nullptr;
  const rocksdb::Status status = rocksdb::BackupEngineReadOnly::Open(
      rocksdb::BackupEngineOptions(in.string()), rocksdb::Env::Default(), &engine);
  if (!status.ok())
    return fail(errors::kUnavailable,
                fmt::format("cannot read the backups in {}: {}", in.string(), status.ToString()));
  return std::unique_ptr<rocksdb::BackupEngineReadOnly>(engine);
}

Result<rocksdb::BackupInfo> choose(const rocksdb::BackupEngineReadOnly& engine, const fs::path& in,
                                   std::optional<std::uint32_t> id) {
  rocksdb::BackupInfo info;
  const rocksdb::Status status = id ? engine.GetBackupInfo(*id, &info) : engine.GetLatestBackupInfo(&info);
  if (status.ok()) return info;
  std::vector<rocksdb::BackupInfo> all;
  engine.GetBackupInfo(&all);
  std::string known;
  for (const auto& each : all) known += fmt::format("{}{}", known.empty() ? "" : ", ", each.backup_id);
  return fail(status.IsCorruption() ? kStoreCorrupt : errors::kNotFound,
              fmt::format("{} in {}; whole ones: {}",
                          !id                     ? std::string("there is no whole backup")
                          : status.IsCorruption() ? fmt::format("backup {} is damaged", *id)
                                                  : fmt::format("there is no backup {}", *id),
                          in.string(), known.empty() ? "none" : known));
}

/// Makes of the restored files a store of this program's format that is another one than it was.
Result<void> make_new_store(const fs::path& directory, unsigned format) {
  StoreOptions options;
  options.retention = kKeepEverything;
  const auto retention = std::make_shared<RetentionInForce>(options.retention);
  const auto database = Database::open(directory, options, retention,
                                       format < kFormatVersion ? Opening::upgrade : Opening::existing);
  if (!database) return std::unexpected(database.error());
  if (format < kFormatVersion)
    if (const auto upgraded = upgrade_database(**database, format); !upgraded) return upgraded;
  return write_names(**database, new_epoch(), new_token_secret());
}

Result<void> restore_files(const rocksdb::BackupEngineReadOnly& engine, std::uint32_t id, const fs::path& in,
                           const fs::path& unfinished) {
  std::error_code code;
  fs::remove_all(unfinished, code);
  if (code) return io_failure("remove", unfinished, code);
  if (const auto made = make_private(unfinished); !made) return made;
  const rocksdb::Status status = engine.RestoreDBFromBackup(id, unfinished.string(), unfinished.string());
  if (status.ok()) return {};
  return fail(status.IsCorruption() ? kStoreCorrupt : errors::kUnavailable,
              fmt::format("cannot restore backup {} of {}: {}{}", id, in.string(), status.ToString(),
                          status.IsCorruption() ? "; restore an earlier one (--backup)" : ""));
}

}  // namespace

bool restore_unfinished(const fs::path& data_directory) {
  std::error_code code;
  return fs::exists(data_directory / kMarker, code) && !fs::exists(data_directory / "store", code);
}

void forget_restore(const fs::path& data_directory) {
  std::error_code ignored;
  fs::remove(data_directory / kMarker, ignored);
}

Result<BackupReport> restore_backup(const fs::path& in, const fs::path& data_directory,
                                    std::optional<std::uint32_t> id) {
  const auto engine = open_backups(in);
  if (!engine) return std::unexpected(engine.error());
  const auto info = choose(**engine, in, id);
  if (!info) return std::unexpected(info.error());
  const auto origin = origin_of(info->app_metadata);
  if (!origin)
    return fail(kStoreCorrupt, fmt::format("backup {} in {} does not say of which format its store is",
                                           info->backup_id, in.string()));
  if (origin->format > kFormatVersion)
    return fail(kStoreTooNew,
                fmt::format("the store in backup {} has format {}, this program knows formats up to "
                            "{}: use the newer carillon that made it",
                            info->backup_id, origin->format, kFormatVersion));
  if (const auto empty = check_empty(data_directory); !empty) return std::unexpected(empty.error());
  if (const auto made = make_private(data_directory); !made) return std::unexpected(made.error());
  const auto lock = DirectoryLock::acquire(data_directory);
  if (!lock) return std::unexpected(lock.error());
  if (const auto empty = check_empty(data_directory); !empty) return std::unexpected(empty.error());

  const fs::path marker = data_directory / kMarker, unfinished = data_directory / "store.new";
  const std::string note = fmt::format("backup {} of {}\n", info->backup_id, in.string());
  if (const auto noted = replace_file(marker, note); !noted) return std::unexpected(noted.error());
  if (const auto copied = restore_files(**engine, info->backup_id, in, unfinished); !copied)
    return std::unexpected(copied.error());
  if (const auto made = make_new_store(unfinished, origin->format); !made)
    return std::unexpected(made.error());
  if (const auto written = write_format(data_directory); !written) return std::unexpected(written.error());
  std::error_code code;
  fs::rename(unfinished, data_directory / "store", code);
  if (code) return io_failure("rename", unfinished, code);
  if (const auto synced = sync_directory(data_directory); !synced) return std::unexpected(synced.error());
  forget_restore(data_directory);
  return BackupReport{info->backup_id, info->size, info->number_files, origin->epoch};
}

}  // namespace carillon::embedded
