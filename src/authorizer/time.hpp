#pragma once

#include <functional>

#include "base/clock.hpp"

namespace carillon::authorizer {

/// One moment on both clocks: tokens expire by the wall clock, waiting and remembering go by the other.
struct Time {
  base::EpochMs wall = 0;
  base::Monotonic monotonic;
};

/// Where the classes that act (not the functions that decide) read the time. Any thread.
using Clock = std::function<Time()>;

inline Time system_time() {
  return {base::now_ms(), base::monotonic_now()};
}

}  // namespace carillon::authorizer
