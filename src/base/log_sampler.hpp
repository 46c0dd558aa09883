#pragma once

#include <cstdint>
#include <utility>

#include "base/clock.hpp"
#include "base/recorder.hpp"

namespace carillon::base {

/// Lets the first few lines of each second through and counts the rest, so that a line per message never
/// costs more than the message: one comparison once the second's lines are used up. One thread asks allow(),
/// one (the same or another) take_suppressed().
class LogSampler {
 public:
  /// `per_second` is at least 1.
  explicit LogSampler(std::uint32_t per_second) : per_second_(per_second) {}

  bool allow(Monotonic now) {
    if (now < closed_until_) return suppressed_.add(), false;
    if (now >= second_end_) {
      second_end_ = now + std::chrono::seconds(1);
      allowed_ = 0;
    }
    if (++allowed_ == per_second_) closed_until_ = second_end_;
    return true;
  }
  /// How many were held back since the last call; to be reported in a line of its own.
  std::uint64_t take_suppressed() {
    const std::uint64_t all = suppressed_.value();
    return all - std::exchange(reported_, all);
  }
  /// How many were held back since the start. Any thread.
  std::uint64_t suppressed() const { return suppressed_.value(); }

 private:
  std::uint32_t per_second_;
  std::uint32_t allowed_ = 0;
  Counter suppressed_;
  std::uint64_t reported_ = 0;
  Monotonic second_end_{};
  Monotonic closed_until_{};
};

}  // namespace carillon::base
