#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace carillon::cli::bench {

/// Counts of 64-bit values in buckets of at most 0.8 % width: every power of two is cut into 128. Recording
/// is a shift and an add. Source: HdrHistogram (G. Tene), the layout only.
class Histogram {
 public:
  void record(std::uint64_t value) {
    ++buckets_[bucket_of(value)];
    ++count_;
    if (value > max_) max_ = value;
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }  ///< exact; 0 when empty

  /// The smallest recorded value that at least `fraction` (0 to 1) of all values do not exceed, as the upper
  /// edge of its bucket and never above max(). 0 when empty.
  std::uint64_t quantile(double fraction) const;

 private:
  static constexpr int kSubBits = 7;
  static constexpr std::size_t kSub = std::size_t{1} << kSubBits;

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < kSub) return value;
    const int shift = std::bit_width(value) - 1 - kSubBits;
    return (static_cast<std::size_t>(shift) + 1) * kSub + ((value >> shift) & (kSub - 1));
  }
  static std::uint64_t upper_edge(std::size_t bucket);

  std::array<std::uint64_t, (64 - kSubBits + 1) * kSub> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace carillon::cli::bench
