#include "bus/retry_policy.hpp"

#include <algorithm>

namespace carillon::bus {

std::chrono::milliseconds RetryPolicy::delay(int failed_attempts, std::uint64_t random) const {
  std::int64_t whole = std::min(base, max_delay).count();
  for (int doubled = 1; doubled < failed_attempts && whole < max_delay.count(); ++doubled) whole *= 2;
  whole = std::max<std::int64_t>(1, std::min<std::int64_t>(whole, max_delay.count()));
  const std::int64_t half = whole / 2;
  const auto jitter = static_cast<std::int64_t>(random % static_cast<std::uint64_t>(whole - half + 1));
  return std::chrono::milliseconds(std::max<std::int64_t>(1, half + jitter));
}

}  // namespace carillon::bus
