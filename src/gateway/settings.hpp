#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace carillon::gateway {

/// `[gateway]` and `[tls]` of the configuration (CONTRACT §14), checked by server/settings.
struct Settings {
  std::string listen = "127.0.0.1:8080";
  std::string stage = "dvl";
  std::vector<std::string> allowed_origins;
  std::vector<std::string> trusted_proxies;  ///< addresses or CIDR blocks
  std::uint32_t threads = 0;                 ///< 0: as many as cores this process may use
  std::chrono::seconds heartbeat{25};
  std::chrono::seconds heartbeat_timeout{60};
  std::chrono::seconds handshake_timeout{10};
  std::size_t max_header_bytes = 16384;
  std::size_t max_message_bytes = 262144;
  std::size_t max_outbound_bytes = 1048576;
  std::size_t max_connections = 1'000'000;
  std::size_t max_connections_per_user = 1000;
  std::size_t max_connections_per_address = 100'000;
  std::size_t max_subscriptions_per_connection = 1000;
  std::chrono::seconds drain{10};
  bool compression = false;
  double connects_per_second = 0;  ///< `[limits]`, per address; 0: no limit

  std::string tls_cert;  ///< PEM file; empty: no TLS
  std::string tls_key;

  /// `serve --dev`: `/echo` without a token, loopback Hosts only, any loopback Origin.
  bool dev = false;

  /// The port of `[internal]`: no WebSockets, and its loops and log lines are named after it.
  bool internal = false;

  /// From `[queues]`: how a full connection's frames are retried (CONTRACT §11).
  int max_attempts = 3;
  std::chrono::milliseconds retry_base{200};
};

}  // namespace carillon::gateway
