#include "model/identity.hpp"

#include <algorithm>
#include <array>

namespace carillon::model {
namespace {

constexpr std::array<std::string_view, 5> kRoles{"none", "viewer", "member", "admin", "owner"};

}  // namespace

bool Identity::claims(const Target& target) const {
  const auto has = [&](const std::vector<std::string>& ids) {
    return std::ranges::find(ids, target.id) != ids.end();
  };
  switch (target.target_class) {
    case TargetClass::org:
      return has(orgs);
    case TargetClass::hub:
      return has(hubs);
    case TargetClass::project:
      return has(projects);
    default:
      return false;
  }
}

std::string_view name(Role role) {
  return kRoles[static_cast<std::size_t>(role)];
}

std::optional<Role> parse_role(std::string_view text) {
  for (std::size_t i = 1; i < kRoles.size(); ++i)
    if (kRoles[i] == text) return static_cast<Role>(i);
  return std::nullopt;
}

}  // namespace carillon::model
