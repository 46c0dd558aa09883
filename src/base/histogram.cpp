#include "base/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace carillon::base {
namespace log_linear {

std::size_t bucket_of(std::uint64_t value) {
  value = std::min(value, kMaxValue);
  if (value < 2 * kSteps) return value;
  const int shift = std::bit_width(value) - 6;  // leaves 32 to 63
  return static_cast<std::size_t>(shift) * kSteps + (value >> shift);
}

std::uint64_t lowest_of(std::size_t bucket) {
  if (bucket < 2 * kSteps) return bucket;
  const std::size_t shift = bucket / kSteps - 1;
  return (bucket % kSteps + kSteps) << shift;
}

std::uint64_t highest_of(std::size_t bucket) {
  return bucket + 1 == kBuckets ? kMaxValue : lowest_of(bucket + 1) - 1;
}

}  // namespace log_linear

void Histogram::add(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  const std::size_t bucket = log_linear::bucket_of(value);
  if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
  buckets_[bucket] += times;
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = std::max(max_, value);
  count_ += times;
  sum_ += value * times;
}

void Histogram::merge(const Histogram& other) {
  if (other.empty()) return;
  if (other.buckets_.size() > buckets_.size()) buckets_.resize(other.buckets_.size());
  for (std::size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  min_ = empty() ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  count_ += other.count_;
  sum_ += other.sum_;
}

Histogram Histogram::since(const Histogram& earlier) const {
  const auto& before = earlier.buckets_;
  if (before.size() > buckets_.size() || earlier.sum_ > sum_) return *this;
  Histogram rest = *this;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] > buckets_[i]) return *this;
    rest.buckets_[i] -= before[i];
  }
  while (!rest.buckets_.empty() && rest.buckets_.back() == 0) rest.buckets_.pop_back();
  if (rest.buckets_.empty()) return {};
  rest.count_ = count_ - earlier.count_;
  rest.sum_ = sum_ - earlier.sum_;
  const auto first = std::ranges::find_if(rest.buckets_, [](std::uint64_t each) { return each > 0; });
  rest.min_ = std::max(min_, log_linear::lowest_of(static_cast<std::size_t>(first - rest.buckets_.begin())));
  rest.max_ = std::min(max_, log_linear::highest_of(rest.buckets_.size() - 1));
  return rest;
}

double Histogram::quantile(double fraction) const {
  if (empty()) return 0;
  const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    passed += buckets_[i];
    if (passed < rank) continue;
    const double middle =
        (static_cast<double>(log_linear::lowest_of(i)) + static_cast<double>(log_linear::highest_of(i))) / 2;
    return std::clamp(middle, static_cast<double>(min_), static_cast<double>(max_));
  }
  return static_cast<double>(max_);
}

std::uint64_t Histogram::at_most(std::uint64_t value) const {
  const std::size_t end = std::min(log_linear::bucket_of(value) + 1, buckets_.size());
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < end; ++i) passed += buckets_[i];
  return passed;
}

Histogram Histogram::of_parts(std::vector<std::uint64_t> buckets, std::uint64_t sum, std::uint64_t min,
                              std::uint64_t max) {
  Histogram made;
  made.buckets_ = std::move(buckets);
  for (const std::uint64_t each : made.buckets_) made.count_ += each;
  made.sum_ = sum;
  made.min_ = min;
  made.max_ = max;
  return made;
}

}  // namespace carillon::base
