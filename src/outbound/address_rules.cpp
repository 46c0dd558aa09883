#include "outbound/address_rules.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>

namespace carillon::outbound {
namespace {

using V4 = std::array<std::uint8_t, 4>;
using V6 = std::array<std::uint8_t, 16>;

constexpr V6 kInstanceMetadata{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};
constexpr V6 kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

bool starts_with(const V6& address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

/// The IPv4 address that `address` carries, whichever way of carrying it is.
std::optional<V4> carried(const V6& address) {
  const auto at = [&](std::size_t i) {
    return V4{address[i], address[i + 1], address[i + 2], address[i + 3]};
  };
  const bool mapped = starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
  const bool compatible = starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) && address != kLoopback;
  const bool nat64 = starts_with(address, {0x00, 0x64, 0xff, 0x9b});
  if (mapped || compatible || nat64) return at(12);
  if (starts_with(address, {0x20, 0x02})) return at(2);
  return std::nullopt;
}

std::optional<V4> v4_of(const sockaddr* address) {
  if (address->sa_family != AF_INET) return std::nullopt;
  sockaddr_in raw;
  std::memcpy(&raw, address, sizeof(raw));
  V4 bytes;
  std::memcpy(bytes.data(), &raw.sin_addr, bytes.size());
  return bytes;
}

std::optional<V6> v6_of(const sockaddr* address) {
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 raw;
  std::memcpy(&raw, address, sizeof(raw));
  V6 bytes;
  std::memcpy(bytes.data(), &raw.sin6_addr, bytes.size());
  return bytes;
}

}  // namespace

bool is_forbidden(const sockaddr* address) {
  const auto link_local = [](const V4& bytes) { return bytes[0] == 169 && bytes[1] == 254; };
  if (const auto v4 = v4_of(address)) return link_local(*v4);
  const auto v6 = v6_of(address);
  if (!v6) return true;
  if ((*v6)[0] == 0xfe && ((*v6)[1] & 0xc0) == 0x80) return true;
  if (*v6 == kInstanceMetadata) return true;
  const auto inner = carried(*v6);
  return inner && link_local(*inner);
}

bool is_loopback(const sockaddr* address) {
  if (const auto v4 = v4_of(address)) return (*v4)[0] == 127;
  const auto v6 = v6_of(address);
  if (!v6) return false;
  const bool mapped = starts_with(*v6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
  return *v6 == kLoopback || (mapped && (*v6)[12] == 127);
}

bool names_loopback(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string name(host);
  if (strcasecmp(name.c_str(), "localhost") == 0) return true;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, name.c_str(), &v4.sin_addr) == 1)
    return is_loopback(reinterpret_cast<const sockaddr*>(&v4));
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  return inet_pton(AF_INET6, name.c_str(), &v6.sin6_addr) == 1 &&
         is_loopback(reinterpret_cast<const sockaddr*>(&v6));
}

}  // namespace carillon::outbound
