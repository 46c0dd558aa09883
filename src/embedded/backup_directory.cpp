#include "embedded/backup_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

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
constexpr std::string_view kLockName = "lock";

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

class OpenDirectory {
 public:
  explicit OpenDirectory(const fs::path& path)
      : file_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) {}
  OpenDirectory(const OpenDirectory&) = delete;
  OpenDirectory& operator=(const OpenDirectory&) = delete;
  ~OpenDirectory() {
    if (file_ >= 0) ::close(file_);
  }
  int file() const { return file_; }

 private:
  int file_;
};

/// Sees that `out` is a directory itself, no link to one, and this user's. What others own or could have put
/// there is not written into.
Result<void> check_ours(const fs::path& out, const OpenDirectory& opened) {
  if (opened.file() < 0 && (errno == ELOOP || errno == ENOTDIR))
    return fail(
        errors::kInvalidParameter,
        fmt::format("{} is no directory, or a link to one: name the directory itself (--out)", out.string()));
  struct stat found{};
  if (opened.file() < 0 || ::fstat(opened.file(), &found) != 0)
    return fail(errors::kUnavailable, fmt::format("cannot look at {}: {}", out.string(), strerror(errno)));
  if (found.st_uid != ::geteuid())
    return fail(errors::kInvalidParameter,
                fmt::format("{} belongs to another user: use a directory of the user that makes the backup, "
                            "which is the server's where one runs (--out)",
                            out.string()));
  return {};
}

/// Whether there is more than what a first backup leaves behind that ended before it began.
bool holds_anything(const fs::path& directory, std::error_code& code) {
  const fs::path unfinished = format_file(directory).filename().string() + ".new";
  fs::directory_iterator at(directory, code);
  for (; !code && at != fs::directory_iterator(); at.increment(code))
    if (at->path().filename() != unfinished && at->path().filename() != kLockName) return true;
  return false;
}

Result<void> too_new(const fs::path& directory, unsigned version) {
  return fail(kStoreTooNew,
              fmt::format("the backups in {} have version {}, this program knows {}: use the newer "
                          "carillon that made them",
                          directory.string(), version, kBackupVersion));
}

Result<void> check_holds_backups_of(std::string_view epoch, const fs::path& out) {
  const auto format = read_backup_format(out);
  if (!format)
    return fail(errors::kInvalidParameter,
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
  // With a slash behind it the system would follow a link.
  fs::path itself = out;
  while (itself.has_relative_path() && (!itself.has_filename() || itself.filename() == "."))
    itself = itself.parent_path();
  std::error_code code;
  if (!fs::exists(fs::symlink_status(itself, code)))
    if (const auto made = make_private(itself); !made) return made;
  const OpenDirectory opened(itself);
  if (const auto ours = check_ours(itself, opened); !ours) return ours;
  const bool filled = holds_anything(itself, code);
  if (code)
    return fail(errors::kUnavailable, fmt::format("cannot look at {}: {}", out.string(), code.message()));
  if (filled)
    if (const auto fits = check_holds_backups_of(epoch, itself); !fits) return fits;
  if (::fchmod(opened.file(), S_IRWXU) != 0)
    return fail(errors::kUnavailable,
                fmt::format("cannot make {} private (mode 0700): {}", out.string(), strerror(errno)));
  if (filled) return {};
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
