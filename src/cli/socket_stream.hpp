#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "cli/client.hpp"

namespace carillon::cli {

/// A TCP or TLS connection for one thread that can be interrupted. Certificates are verified against the
/// system's authorities (or those in SSL_CERT_FILE) and the host's name; TLS 1.2 at least.
class SocketStream {
 public:
  /// `interrupt` becomes readable when waiting is to end (a signalfd, say); -1: nothing interrupts.
  /// The error says why there is no connection.
  static std::expected<std::unique_ptr<SocketStream>, std::string> connect(const Endpoint& endpoint,
                                                                           std::chrono::milliseconds timeout,
                                                                           int interrupt);
  ~SocketStream();
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  enum class Outcome { data, ended, timed_out, interrupted, failed };
  /// Waits for bytes and adds what there is to `out`. A negative timeout waits for ever.
  Outcome read(std::string& out, std::chrono::milliseconds timeout);
  /// Sends everything, or fails within `timeout`.
  bool write(std::string_view bytes, std::chrono::milliseconds timeout);
  /// Why read or write failed.
  const std::string& failure() const { return failure_; }

 private:
  struct Tls;
  SocketStream(int socket, int interrupt);
  Outcome wait(short events, std::chrono::steady_clock::time_point deadline, bool forever);
  std::expected<void, std::string> start_tls(const std::string& host,
                                             std::chrono::steady_clock::time_point deadline);

  int socket_;
  int interrupt_;
  std::unique_ptr<Tls> tls_;
  std::string failure_;
};

}  // namespace carillon::cli
