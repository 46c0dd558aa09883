#pragma once

#include <chrono>
#include <functional>

#include "base/clock.hpp"

namespace carillon::gateway {

/// The clocks that timeouts and token expiry are measured by, so that tests can turn them.
struct Timing {
  std::function<base::Monotonic()> monotonic = base::monotonic_now;
  std::function<base::EpochMs()> wall = base::now_ms;
  /// How often each connection is looked at for timeouts, heartbeats and token expiry.
  std::chrono::milliseconds sweep{1000};
};

}  // namespace carillon::gateway
