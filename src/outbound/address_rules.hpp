#pragma once

#include <string_view>

#include <sys/socket.h>

namespace carillon::outbound {

/// Whether `address` must never be connected to (CONTRACT §14): link-local (RFC 3927, RFC 4291 §2.5.6), also
/// where an IPv4 one is carried inside an IPv6 one (mapped, compatible, NAT64, 6to4), and the one address
/// outside those ranges where a cloud serves instance credentials. Only AF_INET and AF_INET6 are reachable.
bool is_forbidden(const sockaddr* address);

/// Whether `address` is this machine: 127/8 or ::1, also v4-mapped.
bool is_loopback(const sockaddr* address);

/// Whether a URL's host, as libcurl normalises it (`[::1]` with brackets), names this machine: `localhost` or
/// a loopback literal. No name is looked up.
bool names_loopback(std::string_view host);

}  // namespace carillon::outbound
