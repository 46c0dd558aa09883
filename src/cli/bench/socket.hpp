#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>

namespace carillon::cli::bench {

/// What went wrong, for a person.
template <typename T>
using Outcome = std::expected<T, std::string>;

std::uint64_t now_ns();  ///< CLOCK_MONOTONIC

/// Where a server listens, from `http://`, `ws://` or `nats://` (`tcp://`) HOST:PORT[/PATH].
struct Endpoint {
  sockaddr_storage address{};
  socklen_t address_size = 0;
  std::string authority;  ///< HOST:PORT as given, for the Host header

  /// Errors: another scheme (TLS is not spoken), no port, a name that does not resolve.
  static Outcome<Endpoint> parse(std::string_view url);
  bool loopback_v4() const;
};

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }
  void reset();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Begins a non-blocking connect. `number` is this connection's among those of the run: towards a loopback
/// address every 16,384 of them get a source address of their own, as ports run out otherwise.
Outcome<Descriptor> begin_connect(const Endpoint& endpoint, std::size_t number);

/// A level-triggered epoll set whose entries carry a number of the caller's.
class Poller {
 public:
  Poller();
  void add(int fd, std::uint32_t events, std::uint64_t tag);
  void change(int fd, std::uint32_t events, std::uint64_t tag);
  /// Waits for at most `timeout_ns`. The result holds until the next call.
  std::span<const epoll_event> wait(std::uint64_t timeout_ns);

 private:
  Descriptor epoll_;
  std::vector<epoll_event> events_;
};

enum class ReadEnd { more_later, closed };

/// One big buffer that all connections read through: whatever of a connection's bytes could not be used yet
/// is kept by that connection and put before what is read next.
class ReadBuffer {
 public:
  ReadBuffer();
  /// One read. `view` is `kept` and the new bytes; empty when nothing came.
  struct Read {
    std::string_view view;
    ReadEnd end = ReadEnd::more_later;
  };
  Read read(int fd, const std::string& kept);

 private:
  std::vector<char> bytes_;
};

/// Raises the soft limit of open files to the hard one; the limit that then holds.
std::size_t raise_open_files();

}  // namespace carillon::cli::bench
