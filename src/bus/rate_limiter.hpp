#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace carillon::bus {

/// A token bucket per key: `per_second` on the average, `burst` at once. Remembers a bounded number of keys;
/// a key that is forgotten starts with a full bucket, so full ones are forgotten first. One loop only.
class RateLimiter {
 public:
  RateLimiter(double per_second, double burst, std::size_t max_keys);
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  /// Takes tokens, `burst` of them at most. 0: allowed. Else the milliseconds until there will be enough, and
  /// nothing is taken.
  std::int64_t take(std::string_view key, base::Monotonic now, double tokens = 1);
  /// New limits, for buckets that exist too. `per_second` 0: no limit.
  void set_limits(double per_second, double burst);
  std::size_t keys() const { return buckets_.size(); }

 private:
  struct Bucket {
    std::string key;
    double tokens = 0;
    base::Monotonic filled_at{};
  };
  using Buckets = std::list<Bucket>;

  double tokens_at(const Bucket& bucket, base::Monotonic now) const;
  void forget(Buckets::iterator bucket);
  void make_room(base::Monotonic now);

  double per_second_;
  double burst_;
  std::size_t max_keys_;
  Buckets buckets_;  ///< used last first
  std::unordered_map<std::string_view, Buckets::iterator> index_;
};

}  // namespace carillon::bus
