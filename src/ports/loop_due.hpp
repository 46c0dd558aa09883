#pragma once

#include <algorithm>
#include <atomic>
#include <string>

#include "base/clock.hpp"
#include "ports/metric_set.hpp"

namespace carillon::ports {

/// When the timer of an event loop is due next, so that a loop that hangs is seen from outside: how late its
/// timer came by, it can tell only once it did. The loop's thread writes, any thread reads.
class LoopDue {
 public:
  void expect(base::Monotonic at) { due_.store(at.time_since_epoch().count(), std::memory_order_relaxed); }
  /// The timer is not set again.
  void stop() { due_.store(kNever, std::memory_order_relaxed); }

  base::Monotonic::duration overdue(base::Monotonic now) const {
    const auto due = due_.load(std::memory_order_relaxed);
    return base::Monotonic::duration(
        std::max<Ticks>(due == kNever ? 0 : now.time_since_epoch().count() - due, 0));
  }
  void collect(MetricSet& into, std::string loop) const {
    into.gauge("carillon_loop_overdue_seconds",
               "How long the timer of an event loop should have come by: the loop is held up, or hangs",
               std::chrono::duration<double>(overdue(base::monotonic_now())).count(),
               {{"loop", std::move(loop)}});
  }

 private:
  using Ticks = base::Monotonic::duration::rep;
  static constexpr Ticks kNever = 0;
  std::atomic<Ticks> due_{kNever};
};

}  // namespace carillon::ports
