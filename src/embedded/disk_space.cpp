#include "embedded/disk_space.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/statvfs.h>

#include "model/errors.hpp"

namespace carillon::embedded {

base::Result<DiskSpace> probe_disk_space(const std::filesystem::path& path) {
  struct statvfs figures{};
  if (::statvfs(path.c_str(), &figures) != 0)
    return model::fail(model::errors::kUnavailable, fmt::format("cannot ask for the free space of {}: {}",
                                                                path.string(), strerror(errno)));
  return DiskSpace{static_cast<std::uint64_t>(figures.f_bavail) * figures.f_frsize,
                   static_cast<std::uint64_t>(figures.f_blocks) * figures.f_frsize};
}

std::uint64_t DiskSpaceGuard::reserve_for(const DiskSpace& space) const {
  return reserve_ != 0 ? reserve_ : std::clamp(space.total / 50, kLeastReserve, kMostReserve);
}

bool DiskSpaceGuard::admit(const DiskSpace& space) {
  const std::uint64_t reserve = reserve_for(space);
  const std::uint64_t needed = open_ ? reserve : reserve + reserve / 4;
  open_ = space.available >= needed;
  return open_;
}

}  // namespace carillon::embedded
