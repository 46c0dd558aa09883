#pragma once

#include <atomic>
#include <memory>

namespace carillon::metric_collector {

/// A bound on the requests that wait for the collector's loop. Any thread.
class WaitingRequests {
 public:
  /// A request's place; given back when it goes.
  using Place = std::shared_ptr<void>;

  explicit WaitingRequests(int most) : most_(most) {}

  /// Null when there are too many.
  Place enter() const {
    if (taken_->fetch_add(1) < most_)
      return Place(taken_.get(), [taken = taken_](void*) { taken->fetch_sub(1); });
    taken_->fetch_sub(1);
    return nullptr;
  }

 private:
  int most_;
  std::shared_ptr<std::atomic<int>> taken_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace carillon::metric_collector
