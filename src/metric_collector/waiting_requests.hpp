#pragma once

#include <memory>
#include <string_view>

namespace carillon::metric_collector {

/// A bound on the requests that wait for the collector's loop, and on those of one user, so that nobody takes
/// all places. Any thread.
class WaitingRequests {
 public:
  /// A request's place; given back when it goes.
  using Place = std::shared_ptr<void>;

  explicit WaitingRequests(int most) : WaitingRequests(most, most) {}
  WaitingRequests(int most, int most_of_a_user);

  /// Null when there are too many.
  Place enter(std::string_view user = {}) const;

 private:
  struct Taken;
  std::shared_ptr<Taken> taken_;
};

}  // namespace carillon::metric_collector
