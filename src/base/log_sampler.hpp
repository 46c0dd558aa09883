#pragma once

#include <cstdint>
#include <utility>

#include "base/clock.hpp"

namespace carillon::base {

/// Lets the first few lines of each second through and counts the rest, so that a line per message never
/// costs more than the message. One thread.
class LogSampler {
 public:
  explicit LogSampler(std::uint32_t per_second) : per_second_(per_second) {}

  bool allow(Monotonic now) {
    if (now - second_ >= std::chrono::seconds(1)) {
      second_ = now;
      allowed_ = 0;
    }
    if (allowed_ < per_second_) return ++allowed_, true;
    ++suppressed_;
    return false;
  }
  /// How many were held back since the last call; to be reported in a line of its own.
  std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

 private:
  std::uint32_t per_second_;
  std::uint32_t allowed_ = 0;
  std::uint64_t suppressed_ = 0;
  Monotonic second_{};
};

}  // namespace carillon::base
