#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ports/http.hpp"
#include "server/settings.hpp"

namespace carillon::server {

/// The port of `[internal] listen` (CONTRACT §13): a gateway of one loop without TLS, WebSockets and tokens,
/// so that what scrapes figures and asks for health needs no secret. Under --dev it answers loopback Hosts
/// only, as the main one. Its own figures are in nobody's.
class InternalPort {
 public:
  /// Listens and serves `routes`, which must all be open and outlive stop(). Throws std::runtime_error,
  /// naming the address, when it cannot listen, and when a route is not open. Logs `internal_listening`.
  InternalPort(const Settings& settings, std::vector<ports::Route> routes);
  ~InternalPort();

  /// The port in use, also when 0 was configured.
  std::uint16_t port() const;
  /// Closes whatever is left. Not from its loop. Called by the destructor.
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace carillon::server
