#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace carillon::comments_api {

/// A set of ids that forgets: the oldest when it is full, each after a while. One thread.
class RecentIds {
 public:
  RecentIds(std::size_t max_ids, base::milliseconds kept_for) : max_ids_(max_ids), kept_for_(kept_for) {}
  RecentIds(const RecentIds&) = delete;
  RecentIds& operator=(const RecentIds&) = delete;

  /// False when it is in already, which does not make it any younger.
  bool insert(std::string_view id, base::Monotonic now);
  /// Whether it was in.
  bool erase(std::string_view id, base::Monotonic now);
  std::size_t size(base::Monotonic now);

 private:
  struct Entry {
    std::string id;
    base::Monotonic since;
  };
  void forget_oldest();
  void forget_expired(base::Monotonic now);

  const std::size_t max_ids_;
  const base::milliseconds kept_for_;
  std::list<Entry> entries_;  ///< oldest first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> index_;
};

}  // namespace carillon::comments_api
