#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "ports/http.hpp"

namespace carillon::gateway {

/// An IP address; IPv4 as its IPv4-mapped IPv6 form, so that both compare.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress of(const sockaddr_storage& address);
  bool is_v4() const;
  std::string str() const;
  auto operator<=>(const IpAddress&) const = default;
};

struct IpAddressHash {
  std::size_t operator()(const IpAddress& address) const {
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(address.bytes.data()), 16});
  }
};

/// The proxies whose word on where a request came from is taken (CONTRACT §2). Immutable, any thread.
class TrustedProxies {
 public:
  TrustedProxies() = default;
  /// Addresses and CIDR blocks. Throws std::runtime_error that names an entry which is neither.
  explicit TrustedProxies(const std::vector<std::string>& blocks);

  bool contains(const IpAddress& address) const;
  /// The client behind `peer`: the last hop in X-Forwarded-For (or, without it, in Forwarded, RFC 7239) that
  /// is no trusted proxy. A hop that is no address ends the search.
  IpAddress client(const IpAddress& peer, const ports::HttpRequest& request) const;
  /// Whether the client spoke TLS, as X-Forwarded-Proto of a trusted proxy says, else `own`.
  bool secure(const IpAddress& peer, const ports::HttpRequest& request, bool own) const;

 private:
  struct Block {
    IpAddress address;
    int bits = 128;
  };
  std::vector<Block> blocks_;
};

}  // namespace carillon::gateway
