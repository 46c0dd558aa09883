#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::gateway {

/// Scheme, host and port of a web origin (RFC 6454), in lower case, the port always there.
struct WebOrigin {
  std::string scheme, host;
  std::uint16_t port = 0;
  bool operator==(const WebOrigin&) const = default;
};
/// `https://example.com:8443`, and nothing behind it. Nothing for `null` and whatever else is no origin.
std::optional<WebOrigin> parse_origin(std::string_view text);

/// Whether `host` (a Host header, with or without port) names this machine only: localhost and names below
/// it, 127.0.0.0/8, [::1].
bool is_loopback_host(std::string_view host);

/// Which pages may read answers and open sockets (CONTRACT §2). Immutable, any thread.
class OriginPolicy {
 public:
  OriginPolicy() = default;
  /// Throws std::runtime_error that names an entry which is no origin. `dev`: any loopback origin as well.
  OriginPolicy(const std::vector<std::string>& allowed, bool dev);

  /// Whether a request with this Origin, sent to `host` over TLS or not, is from the same origin or from an
  /// allowed one.
  bool allows(std::string_view origin, std::string_view host, bool secure) const;

 private:
  std::vector<WebOrigin> allowed_;
  bool dev_ = false;
};

}  // namespace carillon::gateway
