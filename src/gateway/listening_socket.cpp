#include "gateway/listening_socket.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carillon::gateway {
namespace {

constexpr int kBacklog = 4096;

struct HostAndPort {
  std::string host, port;
};

HostAndPort split_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos)
    throw std::runtime_error("cannot listen on " + address + ": HOST:PORT is needed");
  HostAndPort parts{address.substr(0, colon), address.substr(colon + 1)};
  if (parts.host.starts_with('[') && parts.host.ends_with(']'))
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  return parts;
}

/// -1, with errno set, when it cannot be had.
int try_listen(const addrinfo& where, bool shared) {
  const int fd = ::socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (shared) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (::bind(fd, where.ai_addr, where.ai_addrlen) == 0 && ::listen(fd, kBacklog) == 0) return fd;
  const int problem = errno;
  ::close(fd);
  errno = problem;
  return -1;
}

int listen_on_first(const std::string& address, std::uint16_t port_override, bool shared) {
  const HostAndPort parts = split_address(address);
  const std::string port = port_override != 0 ? std::to_string(port_override) : parts.port;
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int status =
      ::getaddrinfo(parts.host.empty() ? nullptr : parts.host.c_str(), port.c_str(), &wanted, &found);
  if (status != 0) throw std::runtime_error("cannot listen on " + address + ": " + ::gai_strerror(status));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, ::freeaddrinfo);
  int problem = EADDRNOTAVAIL;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const int fd = try_listen(*each, shared);
    if (fd >= 0) return fd;
    problem = errno;
  }
  throw std::runtime_error("cannot listen on " + address + ": " + std::strerror(problem));
}

}  // namespace

int listen_on(const std::string& address, std::uint16_t port_override) {
  return listen_on_first(address, port_override, true);
}

void check_free(const std::string& address) {
  ::close(listen_on_first(address, 0, false));
}

std::uint16_t port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace carillon::gateway
