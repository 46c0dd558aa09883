#pragma once

#include <chrono>

namespace carillon::cli {

/// SIGINT and SIGTERM as something to wait for beside a socket. Blocks those two signals and ignores SIGPIPE
/// for the process; one at a time, for one thread.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Readable when there is one.
  int fd() const { return fd_; }
  /// Whether there were any; waiting goes on afterwards.
  bool take();
  /// Sleeps; whether it was interrupted before the time was over.
  bool wait(std::chrono::milliseconds time);

 private:
  int fd_;
};

}  // namespace carillon::cli
