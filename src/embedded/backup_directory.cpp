#include "embedded/backup_directory.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "embedded/format_file.hpp"
#include "embedded/store_options.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using model::fail;
namespace errors = model::errors;
namespace fs = std::filesystem;

constexpr unsigned kBackupVersion = 1;
constexpr std::string_view kPrefix = "carillon backup ";
constexpr std::string_view kEpochPrefix = "epoch ";

struct BackupFormat {
  unsigned version = 0;
  std::string epoch;
};

fs::path format_file(const fs::path& directory) {
  return directory / "format";
}

std::optional<BackupFormat> read_backup_format(const fs::path& directory) {
  std::ifstream in(format_file(directory));
  std::string first, second;
  if (!std::getline(in, first) || !std::getline(in, second)) return std::nullopt;
  BackupFormat format;
  const char* const end = first.data() + first.size();
  if (!first.starts_with(kPrefix) || !second.starts_with(kEpochPrefix) ||
      std::from_chars(first.data() + kPrefix.size(), end, format.version).ptr != end)
    return std::nullopt;
  format.epoch = second.substr(kEpochPrefix.size());
  return format;
}

/// Whether `inner` is `outer` or lies in it, links followed.
bool within(const fs::path& inner, const fs::path& outer) {
  std::error_code code;
  const fs::path real = fs::weakly_canonical(inner, code), base = fs::weakly_canonical(outer, code);
  return std::ranges::mismatch(base, real).in1 == base.end();
}

Result<void> too_new(const fs::path& directory, unsigned version) {
  return fail(kStoreTooNew,
              fmt::format("the backups in {} have version {}, this program knows {}: use the newer "
                          "carillon that made them",
                          directory.string(), version, kBackupVersion));
}

}  // namespace

Result<void> make_private(const fs::path& directory) {
  std::error_code code;
  fs::create_directories(directory, code);
  if (!code) fs::permissions(directory, fs::perms::owner_all, code);
  if (code)
    return fail(errors::kUnavailable,
                fmt::format("cannot make the directory {}: {}", directory.string(), code.message()));
  return {};
}

Result<void> prepare_backup_directory(const fs::path& out, const fs::path& data_directory,
                                      std::string_view epoch) {
  if (within(out, data_directory))
    return fail(errors::kInvalidParameter,
                fmt::format("{} lies in the data directory: a backup belongs elsewhere, best on another disk",
                            out.string()));
  std::error_code code;
  const bool filled = fs::exists(out, code) && !fs::is_empty(out, code);
  if (code)
    return fail(errors::kUnavailable, fmt::format("cannot look at {}: {}", out.string(), code.message()));
  if (filled) {
    const auto format = read_backup_format(out);
    if (!format)
      return fail(
          errors::kInvalidParameter,
          fmt::format("{} is not empty and holds no backups of carillon: use another directory (--out)",
                      out.string()));
    if (format->version > kBackupVersion) return too_new(out, format->version);
    if (format->epoch != epoch)
      return fail(
          errors::kInvalidParameter,
          fmt::format("{} holds backups of another store (a restored one counts as another): use another "
                      "directory (--out)",
                      out.string()));
    return {};
  }
  if (const auto made = make_private(out); !made) return made;
  return replace_file(format_file(out),
                      fmt::format("{}{}\n{}{}\n", kPrefix, kBackupVersion, kEpochPrefix, epoch));
}

Result<void> check_backup_directory(const fs::path& in) {
  std::error_code code;
  if (!fs::exists(format_file(in), code))
    return fail(errors::kNotFound,
                fmt::format("there are no backups of carillon in {}: name the directory that was given to "
                            "`carillon backup` as --out",
                            in.string()));
  const auto format = read_backup_format(in);
  if (!format)
    return fail(kStoreCorrupt, fmt::format("the file {} is damaged: its lines are `{}{}` and `{}` with the "
                                           "store's name",
                                           format_file(in).string(), kPrefix, kBackupVersion, kEpochPrefix));
  if (format->version > kBackupVersion) return too_new(in, format->version);
  return {};
}

}  // namespace carillon::embedded
