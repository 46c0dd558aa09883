#include "embedded/format_file.hpp"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "embedded/store_options.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

using model::fail;
constexpr std::string_view kPrefix = "carillon store ";

base::Result<void> system_failure(std::string_view doing, const std::filesystem::path& path) {
  return io_failure(doing, path, std::error_code(errno, std::generic_category()));
}

}  // namespace

std::unexpected<base::Error> io_failure(std::string_view doing, const std::filesystem::path& path,
                                        const std::error_code& code) {
  return fail(model::errors::kUnavailable,
              fmt::format("cannot {} {}: {}", doing, path.string(), code.message()));
}

base::Result<void> sync_directory(const std::filesystem::path& directory) {
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return system_failure("open", directory);
  const bool synced = ::fsync(file) == 0;
  ::close(file);
  if (!synced) return system_failure("sync", directory);
  return {};
}

base::Result<unsigned> read_format(const std::filesystem::path& data_directory) {
  const std::filesystem::path path = data_directory / "format";
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line))
    return fail(
        kStoreCorrupt,
        fmt::format("the file {} is missing or empty, although {} is there. Nothing was changed. Restore a "
                    "backup into an empty data directory (carillon restore), or put back the file.",
                    path.string(), (data_directory / "store").string()));
  unsigned version = 0;
  const char* const end = line.data() + line.size();
  if (!line.starts_with(kPrefix) || std::from_chars(line.data() + kPrefix.size(), end, version).ptr != end ||
      version == 0)
    return fail(
        kStoreCorrupt,
        fmt::format("the file {} does not say which format the store has. Nothing was changed. Restore a "
                    "backup into an empty data directory (carillon restore), or put back the file.",
                    path.string()));
  if (version > kFormatVersion)
    return fail(kStoreTooNew,
                fmt::format("the store in {} has format {}, this program knows formats up to {}. Nothing was "
                            "changed. Run the newer carillon that wrote it, or restore a backup made by this "
                            "version into an empty data directory (carillon restore).",
                            data_directory.string(), version, kFormatVersion));
  return version;
}

base::Result<void> replace_file(const std::filesystem::path& path, std::string_view text) {
  const std::filesystem::path unfinished = path.string() + ".new";
  const int file = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return system_failure("create", unfinished);
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  ::close(file);
  if (written && ::rename(unfinished.c_str(), path.c_str()) == 0) return sync_directory(path.parent_path());
  auto failure = system_failure(written ? "replace" : "write", path);
  ::unlink(unfinished.c_str());
  return failure;
}

base::Result<void> write_format(const std::filesystem::path& data_directory) {
  return replace_file(data_directory / "format", fmt::format("{}{}\n", kPrefix, kFormatVersion));
}

}  // namespace carillon::embedded
