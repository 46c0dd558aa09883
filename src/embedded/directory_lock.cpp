#include "embedded/directory_lock.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "embedded/store_options.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

std::string holder(int file) {
  char text[32];
  const ssize_t size = ::pread(file, text, sizeof text, 0);
  const std::string_view pid(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::size_t digits = std::min(pid.find_first_not_of("0123456789"), pid.size());
  return digits == 0 ? std::string() : fmt::format(" (process {})", pid.substr(0, digits));
}

}  // namespace

base::Result<std::unique_ptr<DirectoryLock>> DirectoryLock::acquire(const std::filesystem::path& directory) {
  const std::string path = (directory / "lock").string();
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0)
    return model::fail(model::errors::kUnavailable, fmt::format("cannot open {}: {}", path, strerror(errno)));
  std::unique_ptr<DirectoryLock> lock(new DirectoryLock(file));
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return model::fail(model::errors::kUnavailable,
                         fmt::format("cannot lock {}: {}", path, strerror(errno)));
    return model::fail(
        kStoreInUse, fmt::format("the data directory {} is in use by another server{}: stop it first, or use "
                                 "another directory (--data)",
                                 directory.string(), holder(file)));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, pid.data(), pid.size(), 0) < 0)
    return model::fail(model::errors::kUnavailable,
                       fmt::format("cannot write {}: {}", path, strerror(errno)));
  return lock;
}

DirectoryLock::~DirectoryLock() {
  ::close(file_);
}

}  // namespace carillon::embedded
