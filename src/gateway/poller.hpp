#pragma once

#include <array>
#include <cstdint>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <sys/epoll.h>

namespace carillon::gateway {

/// Something that a Poller watches.
class PollTarget {
 public:
  /// `events` as epoll reports them (EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP).
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~PollTarget() = default;
};

/// Watches the sockets of one loop. An epoll set of its own, itself watched by the io_context: each socket is
/// registered once, edge-triggered, so that no system call and no memory goes into waiting (Asio's own
/// async_wait costs an epoll_ctl and an allocation each time). Loop only.
class Poller {
 public:
  /// Throws std::system_error when the system has no epoll set left.
  explicit Poller(boost::asio::io_context& io);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void start() { wait(); }
  void stop();

  /// Watches `fd` for reading and writing, edge-triggered. False, with errno set, when the system refuses.
  bool add(int fd, PollTarget& target);
  /// Watches `fd` for reading, as long as there is something to read.
  bool add_level_triggered(int fd, PollTarget& target);
  /// Not needed for a socket that is closed.
  void remove(int fd);

 private:
  void wait();
  void dispatch();

  static constexpr int kBatch = 256;
  boost::asio::posix::stream_descriptor set_;
  std::array<epoll_event, kBatch> events_{};
};

}  // namespace carillon::gateway
