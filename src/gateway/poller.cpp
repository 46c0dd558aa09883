#include "gateway/poller.hpp"

#include <cerrno>
#include <system_error>

namespace carillon::gateway {

Poller::Poller(boost::asio::io_context& io) : set_(io) {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
  set_.assign(fd);
}

void Poller::stop() {
  boost::system::error_code ignored;
  set_.close(ignored);
}

bool Poller::add(int fd, PollTarget& target) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &target;
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Poller::add_level_triggered(int fd, PollTarget& target) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &target;
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::remove(int fd) {
  epoll_event unused{};
  ::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, fd, &unused);
}

void Poller::wait() {
  set_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                  [this](const boost::system::error_code& error) {
                    if (error) return;
                    dispatch();
                    if (set_.is_open()) wait();
                  });
}

void Poller::dispatch() {
  const int count = ::epoll_wait(set_.native_handle(), events_.data(), kBatch, 0);
  for (int i = 0; i < count; ++i)
    static_cast<PollTarget*>(events_[static_cast<std::size_t>(i)].data.ptr)
        ->on_events(events_[static_cast<std::size_t>(i)].events);
}

}  // namespace carillon::gateway
