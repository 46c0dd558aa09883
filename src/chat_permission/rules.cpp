#include "chat_permission/rules.hpp"

namespace carillon::chat_permission {

namespace errors = model::errors;
using model::Role;

bool takes_owner(const Change& change) {
  return change.current == Role::owner && change.wanted != Role::owner && !change.actor.is_admin;
}

model::Result<void> check_change(const Change& change) {
  const bool revokes = change.wanted == Role::none;
  const bool leaves = revokes && change.actor.user == change.user;
  if (!change.actor.is_admin && !leaves) {
    if (change.actor_role < Role::admin) return model::fail(errors::kForbidden);
    if (change.wanted > change.actor_role)
      return model::fail(errors::kForbidden, "a role above your own cannot be granted");
    if (change.current > change.actor_role)
      return model::fail(errors::kForbidden, "a role above your own cannot be changed");
  }
  if (revokes && change.current == Role::none) return model::fail(errors::kNotFound, "no such permission");
  if (takes_owner(change) && !change.another_owner)
    return model::fail(errors::kConflict, "the last owner can neither be revoked, lowered nor leave");
  return {};
}

}  // namespace carillon::chat_permission
