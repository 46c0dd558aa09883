#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <openssl/types.h>

#include "gateway/outbound_queue.hpp"
#include "gateway/tls_context.hpp"

namespace carillon::gateway {

/// The bytes of one accepted socket, plain or under TLS. Never blocks; owns the descriptor. Loop only.
class Transport {
 public:
  enum class Status {
    done,     ///< all was written, or more may be there to read
    blocked,  ///< the socket takes (has) no more for now
    ended,    ///< the peer sent its last byte
    failed,
  };
  struct Read {
    Status status;
    std::size_t bytes = 0;
  };

  /// `context` null: plain. Takes `fd` over.
  Transport(int fd, const TlsContext& context);
  ~Transport() { close(); }
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Fills `room` as far as there is something. `blocked` may come with bytes.
  Read read(std::span<char> room);
  /// Sends the front of `queue` and takes what went off it, with one system call when the socket takes all.
  Status write(OutboundQueue& queue);
  /// Says that nothing more will be sent; the peer's bytes can still be read.
  void shutdown_write();
  void close();

  int fd() const { return fd_; }
  bool secure() const { return ssl_ != nullptr; }
  /// Plain, or the TLS handshake is done.
  bool established() const;

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const;
  };
  Read read_plain(std::span<char> room);
  Read read_tls(std::span<char> room);
  Status write_plain(OutboundQueue& queue);
  Status write_tls(OutboundQueue& queue);

  int fd_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
};

}  // namespace carillon::gateway
