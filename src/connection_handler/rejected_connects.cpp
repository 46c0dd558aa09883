#include "connection_handler/rejected_connects.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace carillon::connection_handler {

std::string RejectedConnects::key_of(const model::UserId& user, const ConnectParameters& asked) {
  // No id holds a control character, and a hash is as small for a thousand chats as for one.
  std::string text = user.str();
  std::vector<std::string> chats = asked.chat_ids;
  std::ranges::sort(chats);
  text += asked.every_chat ? "\n*" : "\n";
  for (const std::string& each : chats) text += "\n" + each;
  text += '\r';
  for (const model::Target& each : asked.memberships) text += "\n" + each.str();
  return base::sha256(text);
}

void RejectedConnects::rejected(const std::string& key, base::Monotonic now) {
  const std::lock_guard lock(mutex_);
  forget(key);
  by_key_.emplace(key, oldest_first_.insert(oldest_first_.end(), {key, now}));
  while (oldest_first_.size() > kMost || now - oldest_first_.front().at >= kRemembered)
    forget(std::string(oldest_first_.front().key));
}

void RejectedConnects::admitted(const std::string& key) {
  const std::lock_guard lock(mutex_);
  forget(key);
}

bool RejectedConnects::contains(const std::string& key, base::Monotonic now) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  return found != by_key_.end() && now - found->second->at < kRemembered;
}

void RejectedConnects::forget(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  oldest_first_.erase(found->second);
  by_key_.erase(found);
}

}  // namespace carillon::connection_handler
