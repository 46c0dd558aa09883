#include "gateway/connect_limits.hpp"

#include <algorithm>

namespace carillon::gateway {
namespace {

constexpr std::size_t kMaxRememberedAddresses = 100'000;

/// What an address may open at once: two seconds' worth.
double burst(double per_second) {
  return std::max(1.0, 2 * per_second);
}

}  // namespace

ConnectLimits::ConnectLimits(std::size_t max_connections, std::size_t max_per_address,
                             double connects_per_second)
    : max_connections_(max_connections),
      max_per_address_(max_per_address),
      connects_per_second_(connects_per_second),
      connects_(connects_per_second, burst(connects_per_second), kMaxRememberedAddresses) {}

bool ConnectLimits::enter() {
  return connections_.fetch_add(1, std::memory_order_relaxed) < max_connections_;
}

bool ConnectLimits::enter(const IpAddress& address) {
  const std::lock_guard lock(mutex_);
  std::uint32_t& count = per_address_[address];
  if (count >= max_per_address_) {
    if (count == 0) per_address_.erase(address);
    return false;
  }
  ++count;
  return true;
}

void ConnectLimits::leave(const IpAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto found = per_address_.find(address);
  if (found != per_address_.end() && --found->second == 0) per_address_.erase(found);
}

std::int64_t ConnectLimits::connect(const IpAddress& address, base::Monotonic now) {
  const std::lock_guard lock(mutex_);
  if (connects_per_second_ <= 0) return 0;
  return connects_.take({reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()}, now);
}

void ConnectLimits::set_connects_per_second(double limit) {
  const std::lock_guard lock(mutex_);
  connects_per_second_ = limit;
  connects_.set_limits(limit, burst(limit));
}

}  // namespace carillon::gateway
