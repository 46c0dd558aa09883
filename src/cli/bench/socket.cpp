#include "cli/bench/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <system_error>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

namespace carillon::cli::bench {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} * 1024;
constexpr std::size_t kConnectionsPerSource = 16384;
constexpr std::size_t kEventsPerTurn = 2048;

std::string system_error_text(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

}  // namespace

std::uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(time.tv_nsec);
}

Outcome<Endpoint> Endpoint::parse(std::string_view url) {
  const std::string given(url);
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return std::unexpected(given + ": no scheme");
  const auto scheme = url.substr(0, scheme_end);
  if (scheme != "http" && scheme != "ws" && scheme != "nats" && scheme != "tcp") {
    return std::unexpected(given + ": only http, ws, nats and tcp are measured, without TLS");
  }
  url.remove_prefix(scheme_end + 3);
  url = url.substr(0, url.find('/'));
  const auto colon = url.rfind(':');
  const bool has_port = colon != std::string_view::npos && url.find(']', colon) == std::string_view::npos;
  std::string host(has_port ? url.substr(0, colon) : url);
  const std::string port(has_port ? url.substr(colon + 1) : "80");
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);

  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return std::unexpected(given + ": " + gai_strerror(error));
  }
  Endpoint endpoint;
  std::memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  endpoint.address_size = found->ai_addrlen;
  endpoint.authority = std::string(url);
  freeaddrinfo(found);
  return endpoint;
}

bool Endpoint::loopback_v4() const {
  if (address.ss_family != AF_INET) return false;
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
}

void Descriptor::reset() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

Outcome<Descriptor> begin_connect(const Endpoint& endpoint, std::size_t number) {
  Descriptor fd(socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(system_error_text("socket"));
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (endpoint.loopback_v4()) {
    setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(0x7f000001u + static_cast<std::uint32_t>(number / kConnectionsPerSource));
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) {
      return std::unexpected(system_error_text("bind"));
    }
  }
  const auto* address = reinterpret_cast<const sockaddr*>(&endpoint.address);
  if (connect(fd.get(), address, endpoint.address_size) != 0 && errno != EINPROGRESS) {
    return std::unexpected(system_error_text("connect"));
  }
  return fd;
}

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)), events_(kEventsPerTurn) {
  if (!epoll_) throw std::system_error(errno, std::system_category(), "epoll_create1");
}

void Poller::add(int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{.events = events, .data = {.u64 = tag}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::system_category(), "epoll_ctl");
  }
}

void Poller::change(int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{.events = events, .data = {.u64 = tag}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

std::span<const epoll_event> Poller::wait(std::uint64_t timeout_ns) {
  const timespec timeout{.tv_sec = static_cast<time_t>(timeout_ns / 1'000'000'000u),
                         .tv_nsec = static_cast<long>(timeout_ns % 1'000'000'000u)};
  const int ready =
      epoll_pwait2(epoll_.get(), events_.data(), static_cast<int>(events_.size()), &timeout, nullptr);
  return {events_.data(), static_cast<std::size_t>(std::max(ready, 0))};
}

ReadBuffer::ReadBuffer() : bytes_(kReadBytes) {}

ReadBuffer::Read ReadBuffer::read(int fd, const std::string& kept) {
  if (bytes_.size() < kept.size() + kReadBytes) bytes_.resize(kept.size() + kReadBytes);
  std::memcpy(bytes_.data(), kept.data(), kept.size());
  const auto count = recv(fd, bytes_.data() + kept.size(), kReadBytes, 0);
  if (count > 0) return {.view = {bytes_.data(), kept.size() + static_cast<std::size_t>(count)}};
  const bool again = count < 0 && (errno == EAGAIN || errno == EINTR);
  return {.end = again ? ReadEnd::more_later : ReadEnd::closed};
}

std::size_t raise_open_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace carillon::cli::bench
