#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "connection_handler/connect_parameters.hpp"

namespace carillon::connection_handler {

/// Whom the receiver of connection events has refused lately, for those who cannot read the answer to their
/// upgrade and ask POST /tickets instead. Decides on no upgrade. Bounded: the oldest gives way. Any thread.
class RejectedConnects {
 public:
  static constexpr std::chrono::seconds kRemembered{30};
  static constexpr std::size_t kMost = 10'000;

  /// Of a user and all that it asked for, in whatever order.
  static std::string key_of(const model::UserId& user, const ConnectParameters& asked);

  void rejected(const std::string& key, base::Monotonic now);
  void admitted(const std::string& key);
  bool contains(const std::string& key, base::Monotonic now) const;

 private:
  struct Rejection {
    std::string key;
    base::Monotonic at;
  };
  void forget(const std::string& key);

  mutable std::mutex mutex_;
  std::list<Rejection> oldest_first_;
  std::unordered_map<std::string, std::list<Rejection>::iterator> by_key_;
};

}  // namespace carillon::connection_handler
