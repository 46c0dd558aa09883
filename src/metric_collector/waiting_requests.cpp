#include "metric_collector/waiting_requests.hpp"

#include <map>
#include <mutex>
#include <string>

namespace carillon::metric_collector {

struct WaitingRequests::Taken {
  const int most;
  const int most_of_a_user;
  std::mutex mutex;
  int all = 0;
  std::map<std::string, int, std::less<>> by_user;  ///< none of them 0
};

WaitingRequests::WaitingRequests(int most, int most_of_a_user)
    : taken_(std::make_shared<Taken>(most, most_of_a_user)) {}

WaitingRequests::Place WaitingRequests::enter(std::string_view user) const {
  const std::lock_guard lock(taken_->mutex);
  if (taken_->all >= taken_->most) return nullptr;
  const auto at = taken_->by_user.try_emplace(std::string(user), 0).first;
  if (at->second >= taken_->most_of_a_user) return nullptr;
  ++taken_->all;
  ++at->second;
  return Place(taken_.get(), [taken = taken_, at](void*) {
    const std::lock_guard guard(taken->mutex);
    --taken->all;
    if (--at->second == 0) taken->by_user.erase(at);
  });
}

}  // namespace carillon::metric_collector
