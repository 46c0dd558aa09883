#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace carillon::simulation {

/// A rule of the house was broken; the seed that showed it can be run again.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void require(bool holds, const std::string& rule) {
  if (!holds) throw Violation(rule);
}

/// SplitMix64: the same numbers for the same seed everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
  bool percent(unsigned chance) { return below(100) < chance; }

 private:
  std::uint64_t state_;
};

/// What is going to happen, in order of time and, within a moment, in the order in which it was planned.
class Agenda {
 public:
  using Event = std::function<void()>;

  base::Monotonic now() const { return now_; }
  base::EpochMs wall() const {
    return 1'700'000'000'000 +
           std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()).count();
  }
  void at(base::Monotonic time, Event event) {
    planned_.push({std::max(time, now_), next_++, std::move(event)});
  }
  void after(std::chrono::microseconds delay, Event event) { at(now_ + delay, std::move(event)); }
  void run_until_quiet() {
    for (int events = 0; !planned_.empty(); ++events) {
      require(events < 200'000, "the house never comes to rest");
      Planned next = std::move(const_cast<Planned&>(planned_.top()));
      planned_.pop();
      now_ = next.time;
      next.event();
    }
  }

 private:
  struct Planned {
    base::Monotonic time;
    std::uint64_t order;
    Event event;
    bool operator<(const Planned& other) const {
      return time != other.time ? time > other.time : order > other.order;
    }
  };
  base::Monotonic now_{std::chrono::hours(1)};
  std::uint64_t next_ = 0;
  std::priority_queue<Planned> planned_;
};

}  // namespace carillon::simulation
