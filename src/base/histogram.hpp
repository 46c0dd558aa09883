#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace carillon::base {

/// Log-linear buckets: whole numbers to 63 have one each, from there every power of two is divided into 32
/// equal ones. A bucket's middle is within 1.6 % of everything in it.
/// Source: G. Tene, HdrHistogram; B. Lukyanov et al., "Circllhist" (2020), for the accuracy of such buckets.
namespace log_linear {
inline constexpr std::uint32_t kSteps = 32;  ///< to a power of two
inline constexpr std::uint64_t kMaxValue = (std::uint64_t{1} << 40) - 1;
inline constexpr std::size_t kBuckets = 36 * kSteps;

/// Of a value; what is over kMaxValue lies in the last one.
std::size_t bucket_of(std::uint64_t value);
std::uint64_t lowest_of(std::size_t bucket);
std::uint64_t highest_of(std::size_t bucket);
}  // namespace log_linear

/// How often values occurred, as counts in log-linear buckets, with their exact number, sum and extremes.
/// Merges with others without loss: over time, threads and nodes. A plain value; its unit is its owner's.
class Histogram {
 public:
  void add(std::uint64_t value, std::uint64_t times = 1);
  void merge(const Histogram& other);
  /// What came to this one after `earlier`, a former state of it. Extremes are those of the buckets (within
  /// 3.2 %, and no further out than this one's). All of it when `earlier` cannot have been: a new start.
  Histogram since(const Histogram& earlier) const;

  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }
  std::uint64_t min() const { return min_; }  ///< 0 when there are none
  std::uint64_t max() const { return max_; }
  double average() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_); }
  bool empty() const { return count_ == 0; }

  /// The smallest value that `fraction` (0 to 1) of all values do not exceed (nearest rank), within 1.6 %;
  /// never outside of min() and max(). 0 when there are none.
  double quantile(double fraction) const;
  /// How many are at most `value`; exact when `value` is the highest of its bucket, as 2^n − 1 always is.
  std::uint64_t at_most(std::uint64_t value) const;

  /// By bucket, to the last that has any.
  std::span<const std::uint64_t> buckets() const { return buckets_; }
  /// Puts one together from what was taken apart. Nothing checked: count must be the sum of `buckets`.
  static Histogram of_parts(std::vector<std::uint64_t> buckets, std::uint64_t sum, std::uint64_t min,
                            std::uint64_t max);

  bool operator==(const Histogram&) const = default;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t min_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace carillon::base
