#include "cli/bench/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace carillon::cli::bench {

std::uint64_t Histogram::upper_edge(std::size_t bucket) {
  if (bucket < kSub) return bucket;
  const auto shift = bucket / kSub - 1;
  return ((kSub + bucket % kSub) << shift) + ((std::uint64_t{1} << shift) - 1);
}

std::uint64_t Histogram::quantile(double fraction) const {
  if (count_ == 0) return 0;
  const auto wanted = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_))), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted) return std::min(upper_edge(bucket), max_);
  }
  return max_;
}

}  // namespace carillon::cli::bench
