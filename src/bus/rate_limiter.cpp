#include "bus/rate_limiter.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace carillon::bus {
namespace {

/// So that a token is there after exactly the time that was told.
constexpr double kRounding = 1e-6;
/// How many of the keys idle for longest are looked at when one must go.
constexpr int kCandidates = 8;

}  // namespace

RateLimiter::RateLimiter(double per_second, double burst, std::size_t max_keys)
    : per_second_(0), burst_(1), max_keys_(std::max<std::size_t>(1, max_keys)) {
  set_limits(per_second, burst);
}

void RateLimiter::set_limits(double per_second, double burst) {
  per_second_ = std::max(0.0, per_second);
  burst_ = std::max(1.0, burst);
}

std::int64_t RateLimiter::take(std::string_view key, base::Monotonic now, double tokens) {
  if (per_second_ <= 0) return 0;
  auto at = index_.find(key);
  if (at == index_.end()) {
    make_room(now);
    buckets_.push_front({std::string(key), burst_, now});
    at = index_.emplace(buckets_.front().key, buckets_.begin()).first;
  } else {
    buckets_.splice(buckets_.begin(), buckets_, at->second);
  }
  Bucket& bucket = *at->second;
  bucket.tokens = tokens_at(bucket, now);
  bucket.filled_at = now;
  const double wanted = std::min(tokens, burst_);
  if (bucket.tokens >= wanted - kRounding) {
    bucket.tokens = std::max(0.0, bucket.tokens - wanted);
    return 0;
  }
  return std::max<std::int64_t>(
      1, static_cast<std::int64_t>(std::ceil((wanted - bucket.tokens) * 1000 / per_second_ - kRounding)));
}

double RateLimiter::tokens_at(const Bucket& bucket, base::Monotonic now) const {
  const std::chrono::duration<double> passed = now - bucket.filled_at;
  return std::min(burst_, bucket.tokens + std::max(0.0, passed.count()) * per_second_);
}

void RateLimiter::make_room(base::Monotonic now) {
  const bool must = buckets_.size() >= max_keys_;
  auto fullest = buckets_.end();
  double most = -1;
  auto at = buckets_.end();
  for (int looked_at = 0; looked_at < kCandidates && at != buckets_.begin(); ++looked_at) {
    --at;
    const double tokens = tokens_at(*at, now);
    if (tokens > most) {
      most = tokens;
      fullest = at;
    }
    if (tokens >= burst_) break;
    if (!must) return;
  }
  if (fullest != buckets_.end()) forget(fullest);
}

void RateLimiter::forget(Buckets::iterator bucket) {
  index_.erase(bucket->key);
  buckets_.erase(bucket);
}

}  // namespace carillon::bus
