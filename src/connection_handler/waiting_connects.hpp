#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "model/identity.hpp"

namespace carillon::connection_handler {

/// How many connects of a user wait for their verdict: the directory does not count them yet. Any thread.
class WaitingConnects {
  struct Counts {
    std::mutex mutex;
    std::unordered_map<model::UserId, std::size_t> by_user;
  };

 public:
  /// Taken until it goes.
  class Place {
   public:
    Place(std::shared_ptr<Counts> counts, model::UserId user)
        : counts_(std::move(counts)), user_(std::move(user)) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      const std::lock_guard lock(counts_->mutex);
      const auto found = counts_->by_user.find(user_);
      if (--found->second == 0) counts_->by_user.erase(found);
    }

   private:
    const std::shared_ptr<Counts> counts_;
    const model::UserId user_;
  };

  explicit WaitingConnects(std::size_t most_per_user) : most_(most_per_user) {}

  /// Null when the user has no place left.
  std::unique_ptr<Place> enter(const model::UserId& user) {
    const std::lock_guard lock(counts_->mutex);
    const auto found = counts_->by_user.try_emplace(user).first;
    if (found->second >= most_) return nullptr;
    ++found->second;
    return std::make_unique<Place>(counts_, user);
  }

 private:
  const std::size_t most_;  ///< at least 1
  const std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

}  // namespace carillon::connection_handler
