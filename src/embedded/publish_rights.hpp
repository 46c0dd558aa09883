#pragma once

#include <cstdint>

#include "bus/rate_limiter.hpp"
#include "bus/settings.hpp"
#include "embedded/local_connections.hpp"
#include "embedded/local_permissions.hpp"
#include "ports/message_bus.hpp"

namespace carillon::embedded {

/// Who may publish what, at this moment (CONTRACT §7). Bus loop only.
class PublishRights {
 public:
  PublishRights(const bus::Settings& settings, LocalPermissions& permissions, LocalConnections& connections);

  /// Takes one from the user's budget. Errors: too_many_requests, no access to the target, the store's.
  base::Result<void> check(const ports::Publication& publication);
  /// New limits, after a re-read configuration.
  void set_rate_limits(double per_second, double burst) { rate_limiter_.set_limits(per_second, burst); }

 private:
  base::Result<void> within_rate(const model::Identity& identity);
  base::Result<void> may_publish(const ports::Publication& publication);

  const bus::Settings& settings_;
  LocalPermissions& permissions_;
  LocalConnections& connections_;
  bus::RateLimiter rate_limiter_;
};

}  // namespace carillon::embedded
