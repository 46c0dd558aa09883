#include "comments_api/recent_ids.hpp"

namespace carillon::comments_api {

bool RecentIds::insert(std::string_view id, base::Monotonic now) {
  forget_expired(now);
  if (index_.contains(id)) return false;
  if (entries_.size() >= max_ids_) forget_oldest();
  const auto entry = entries_.insert(entries_.end(), {std::string(id), now});
  index_.emplace(entry->id, entry);
  return true;
}

bool RecentIds::erase(std::string_view id, base::Monotonic now) {
  forget_expired(now);
  const auto found = index_.find(id);
  if (found == index_.end()) return false;
  const auto entry = found->second;
  index_.erase(found);
  entries_.erase(entry);
  return true;
}

std::size_t RecentIds::size(base::Monotonic now) {
  forget_expired(now);
  return entries_.size();
}

void RecentIds::forget_oldest() {
  index_.erase(entries_.front().id);
  entries_.pop_front();
}

void RecentIds::forget_expired(base::Monotonic now) {
  while (!entries_.empty() && now - entries_.front().since >= kept_for_) forget_oldest();
}

}  // namespace carillon::comments_api
