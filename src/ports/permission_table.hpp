#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/identity.hpp"
#include "ports/completion.hpp"

namespace carillon::ports {

/// An entry of UserChatPermissions (CONTRACT §9).
struct Permission {
  model::UserId user;
  model::Target target;  ///< chat, org, hub or project
  model::Role role = model::Role::none;
  base::EpochMs granted_at = 0;
  model::UserId granted_by;
};

struct Grant {
  Permission permission;
  bool created = false;  ///< false: an entry was there and its role was replaced
};

/// Who may do what where. Changes are durable when answered and ordered with publishing and subscribing.
class PermissionTable {
 public:
  virtual ~PermissionTable() = default;
  /// `actor` needs carillon/admin, or role admin/owner there and no less than `role`. Errors: forbidden,
  /// conflict (last owner), overloaded, unavailable. Any thread.
  virtual void grant(model::IdentityPtr actor, model::UserId user, model::Target target, model::Role role,
                     Completion<Grant> done) = 0;
  /// Answered once no loop delivers that target to the user any more. Errors: forbidden, not_found, conflict.
  virtual void revoke(model::IdentityPtr actor, model::UserId user, model::Target target,
                      Completion<Permission> done) = 0;
  /// Up to `limit` entries behind `after`, in byte order of the target's id, then by class.
  virtual void list_by_user(model::UserId user, std::optional<model::Target> after, std::size_t limit,
                            Completion<std::vector<Permission>> done) = 0;
  /// Up to `limit` entries behind that of `after`, in byte order of the user's id.
  virtual void list_by_target(model::Target target, std::optional<model::UserId> after, std::size_t limit,
                              Completion<std::vector<Permission>> done) = 0;
  /// The role of `user` there; Role::none without an entry. Sees every change that was answered.
  virtual void role_of(model::UserId user, model::Target target, Completion<model::Role> done) = 0;
};

}  // namespace carillon::ports
