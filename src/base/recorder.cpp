#include "base/recorder.hpp"

#include <algorithm>

namespace carillon::base {

Histogram Recorder::snapshot() const {
  std::size_t used = buckets_.size();
  while (used > 0 && buckets_[used - 1].load(std::memory_order_relaxed) == 0) --used;
  if (used == 0) return {};
  std::vector<std::uint64_t> buckets(used);
  for (std::size_t i = 0; i < used; ++i) buckets[i] = buckets_[i].load(std::memory_order_relaxed);
  const auto first = static_cast<std::size_t>(
      std::ranges::find_if(buckets, [](std::uint64_t each) { return each > 0; }) - buckets.begin());
  // An extreme may be older or newer than the buckets: what they say bounds it.
  const std::uint64_t min = std::clamp(min_.load(std::memory_order_relaxed), log_linear::lowest_of(first),
                                       log_linear::highest_of(first));
  std::uint64_t max = std::max(max_.load(std::memory_order_relaxed), log_linear::lowest_of(used - 1));
  if (used < log_linear::kBuckets) max = std::min(max, log_linear::highest_of(used - 1));
  return Histogram::of_parts(std::move(buckets), sum_.load(std::memory_order_relaxed), min,
                             std::max(min, max));
}

}  // namespace carillon::base
