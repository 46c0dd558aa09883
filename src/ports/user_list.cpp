#include "ports/user_list.hpp"

#include <algorithm>

namespace carillon::ports {

UserListPtr list_of(model::UserId user) {
  if (user.empty()) return nullptr;
  return std::make_shared<const std::vector<model::UserId>>(1, std::move(user));
}

UserListPtr joined(const UserListPtr& first, const UserListPtr& second) {
  if (!first) return second;
  if (!second || first == second || first->size() >= kMaxNamedUsers) return first;
  std::vector<model::UserId> both = *first;
  for (const model::UserId& each : *second) {
    if (both.size() == kMaxNamedUsers) break;
    if (std::ranges::find(both, each) == both.end()) both.push_back(each);
  }
  if (both.size() == first->size()) return first;
  return std::make_shared<const std::vector<model::UserId>>(std::move(both));
}

}  // namespace carillon::ports
