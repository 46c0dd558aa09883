#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.hpp"

namespace carillon::embedded {

struct DiskSpace {
  std::uint64_t available = 0;  ///< bytes that this user may still write
  std::uint64_t total = 0;
};

/// What the file system of `path` has left (statvfs). Errors: unavailable. Any thread.
base::Result<DiskSpace> probe_disk_space(const std::filesystem::path& path);

/// Decides whether there is room to publish, so that publishing stops before a write can fail (CONTRACT §7,
/// `Service overloaded`). The reserve is what compaction, draining and the operator need to get out again.
class DiskSpaceGuard {
 public:
  static constexpr std::uint64_t kLeastReserve = 256ull << 20;
  static constexpr std::uint64_t kMostReserve = 4ull << 30;

  /// `reserve` bytes; 0: two hundredths of the disk, 256 MiB at least and 4 GiB at most.
  explicit DiskSpaceGuard(std::uint64_t reserve = 0) : reserve_(reserve) {}

  /// Takes a reading and answers whether publishing is open. Closed below the reserve; open again only at a
  /// quarter more, so that it does not flutter.
  bool admit(const DiskSpace& space);
  bool open() const { return open_; }
  std::uint64_t reserve_for(const DiskSpace& space) const;

 private:
  std::uint64_t reserve_;
  bool open_ = true;
};

}  // namespace carillon::embedded
