#include "chat_permission/rules.hpp"

namespace carillon::chat_permission {

namespace errors = model::errors;
using model::Role;

bool takes_owner(const Change& change) {
  return change.current == Role::owner && change.wanted != Role::owner && !change.actor.is_admin;
}

namespace {

/// Whether no role in the target is needed: carillon/admin may do anything, and anybody may leave.
bool needs_no_role(const model::Identity& actor, const model::UserId& user, Role wanted) {
  return actor.is_admin || (wanted == Role::none && actor.user == user);
}

}  // namespace

model::Result<void> check_actor(const model::Identity& actor, const model::UserId& user, Role actor_role,
                                Role wanted) {
  if (needs_no_role(actor, user, wanted)) return {};
  if (actor_role < Role::admin) return model::fail(errors::kForbidden);
  if (wanted > actor_role) return model::fail(errors::kForbidden, "a role above your own cannot be granted");
  return {};
}

model::Result<void> check_change(const Change& change) {
  if (auto allowed = check_actor(change.actor, change.user, change.actor_role, change.wanted); !allowed)
    return allowed;
  if (!needs_no_role(change.actor, change.user, change.wanted) && change.current > change.actor_role)
    return model::fail(errors::kForbidden, "a role above your own cannot be changed");
  if (change.wanted == Role::none && change.current == Role::none)
    return model::fail(errors::kNotFound, "no such permission");
  if (takes_owner(change) && !change.another_owner)
    return model::fail(errors::kConflict, "the last owner can neither be revoked, lowered nor leave");
  return {};
}

}  // namespace carillon::chat_permission
