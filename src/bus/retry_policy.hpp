#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace carillon::bus {

/// How often something is tried, and how long one waits in between: exponential backoff whose upper half is
/// random, so that what failed together does not come back together. Any thread.
struct RetryPolicy {
  int max_attempts = 3;
  std::chrono::milliseconds base{200};
  std::chrono::milliseconds max_delay{std::chrono::minutes(5)};

  bool exhausted(int failed_attempts) const { return failed_attempts >= max_attempts; }
  /// How long to wait after the `failed_attempts`-th failure (1 or more): between half and the whole of
  /// base · 2^(failed_attempts−1), at most max_delay, at least 1 ms. `random` is uniform over its whole
  /// range.
  std::chrono::milliseconds delay(int failed_attempts, std::uint64_t random) const;
};

/// What becomes of an entry after a failure.
struct RetryDecision {
  int attempts = 0;        ///< made so far
  bool exhausted = false;  ///< no further attempt: to be dead-lettered, and settled once that is durable
  base::Monotonic due{};   ///< when to try again, unless exhausted
};

}  // namespace carillon::bus
