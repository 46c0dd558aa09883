#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"

namespace carillon::embedded {

/// Holds a data directory for this process: an flock on `lock`, which holds the process id for people. The
/// operating system lets go of it however the process ends.
class DirectoryLock {
 public:
  /// Errors: store_in_use (details name the directory and the holder's process id), unavailable.
  static base::Result<std::unique_ptr<DirectoryLock>> acquire(const std::filesystem::path& directory);
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int file) : file_(file) {}
  int file_;
};

}  // namespace carillon::embedded
