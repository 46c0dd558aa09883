#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "bus/rate_limiter.hpp"
#include "gateway/source_address.hpp"

namespace carillon::gateway {

/// How many connections there may be, in all and per address, and how fast an address may open WebSockets
/// (CONTRACT §14: `max_connections`, `max_connections_per_address`, `connects_per_second`). Any thread.
class ConnectLimits {
 public:
  ConnectLimits(std::size_t max_connections, std::size_t max_per_address, double connects_per_second);

  /// Counts a socket. False when there are too many; it is counted all the same, until leave().
  bool enter();
  void leave() { connections_.fetch_sub(1, std::memory_order_relaxed); }
  std::size_t connections() const { return connections_.load(std::memory_order_relaxed); }

  /// Counts a connection of `address`. False, and not counted, when it has too many.
  bool enter(const IpAddress& address);
  void leave(const IpAddress& address);

  /// One more WebSocket from `address`. 0: allowed; else the milliseconds until one will be.
  std::int64_t connect(const IpAddress& address, base::Monotonic now);
  void set_connects_per_second(double limit);

 private:
  const std::size_t max_connections_;
  const std::size_t max_per_address_;
  std::atomic<std::size_t> connections_{0};
  std::mutex mutex_;
  std::unordered_map<IpAddress, std::uint32_t, IpAddressHash> per_address_;
  double connects_per_second_;
  bus::RateLimiter connects_;
};

}  // namespace carillon::gateway
