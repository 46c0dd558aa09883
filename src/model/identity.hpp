#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "model/target.hpp"

namespace carillon::model {

using base::ConnectionId;
using base::UserId;

/// Who somebody is, as a verified token says (CONTRACT §3). Immutable; shared by all that the token opened.
struct Identity {
  UserId user;
  base::EpochMs expires_at = 0;
  bool may_publish_anywhere = false;              ///< scope or group carillon/publish
  bool is_admin = false;                          ///< carillon/admin
  bool may_read_metrics = false;                  ///< carillon/metrics
  std::vector<std::string> orgs, hubs, projects;  ///< memberships from claims

  /// A backend: exempt from rate limits, may publish to any target.
  bool is_backend() const { return may_publish_anywhere || is_admin; }
  /// Whether a claim makes the user a member of this org, hub or project.
  bool claims(const Target& target) const;
};
using IdentityPtr = std::shared_ptr<const Identity>;

/// What an entry of UserChatPermissions allows; each role includes those before it (CONTRACT §9). The
/// numbers are part of the storage format.
enum class Role : std::uint8_t { none = 0, viewer = 1, member = 2, admin = 3, owner = 4 };

std::string_view name(Role role);
std::optional<Role> parse_role(std::string_view text);

}  // namespace carillon::model
