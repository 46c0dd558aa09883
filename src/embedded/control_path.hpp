#pragma once

#include <filesystem>

#include <sys/un.h>

#include "base/result.hpp"

namespace carillon::embedded {

/// A file descriptor that is closed with its owner; -1 for none.
class FileDescriptor {
 public:
  explicit FileDescriptor(int file = -1) : file_(file) {}
  FileDescriptor(FileDescriptor&& other) noexcept : file_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();
  int get() const { return file_; }
  explicit operator bool() const { return file_ >= 0; }
  int release() {
    const int file = file_;
    file_ = -1;
    return file;
  }

 private:
  int file_;
};

/// The address of `control` in a data directory. Valid while the object lives: it goes through an open
/// descriptor of the directory, as a socket's address holds 107 bytes of path and directories may be deeper.
class ControlAddress {
 public:
  /// Errors: unavailable.
  static base::Result<ControlAddress> in(const std::filesystem::path& directory);
  const sockaddr_un& get() const { return address_; }
  /// The same file, for calls that take a path.
  const char* path() const { return address_.sun_path; }

 private:
  FileDescriptor directory_;
  sockaddr_un address_{};
};

/// Waits until the socket can be read from (or written to), at most so long. False: it is not so far, or
/// broken.
bool wait_for(int socket, short events, int milliseconds);
/// Sends all of it, waiting at most so long for each part. False: the other side is gone or takes nothing.
bool send_all(int socket, std::string_view text, int milliseconds);

}  // namespace carillon::embedded
