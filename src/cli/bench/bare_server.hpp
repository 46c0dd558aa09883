#pragma once

#include <string>

#include "cli/bench/bench.hpp"
#include "cli/bench/socket.hpp"

namespace carillon::cli::bench {

/// The floor that any server on loopback TCP stands on: a forked process that does nothing but read
/// messages and send them on as WebSocket frames. A connection begins with `S` and its channel (32 bits, big
/// endian), is answered with one frame and gets that channel's messages; or with `P`, and then brings
/// messages: channel, length (32 bits each, big endian), content. Fork before any thread is started.
class BareServer {
 public:
  /// `core` < 0: the process runs where this one may.
  static Outcome<BareServer> start(BareWrites writes, int core);
  BareServer(BareServer&& other) noexcept;
  BareServer& operator=(BareServer&&) = delete;
  /// Ends the process and waits for it.
  ~BareServer();

  int pid() const { return pid_; }
  std::string url() const;

 private:
  BareServer(int pid, int port) : pid_(pid), port_(port) {}
  int pid_;
  int port_;
};

}  // namespace carillon::cli::bench
