#pragma once

#include "model/errors.hpp"
#include "model/identity.hpp"

namespace carillon::chat_permission {

/// Everything that decides whether somebody may change an entry (CONTRACT §9).
struct Change {
  const model::Identity& actor;
  const model::UserId& user;  ///< whose entry it is
  model::Role actor_role;     ///< the actor's own role there
  model::Role current;        ///< the entry's role now; none without an entry
  model::Role wanted;         ///< none to revoke
  bool another_owner;         ///< somebody else than `user` is owner there; matters when it takes_owner()
};

/// What can be said without knowing the entry, so that it costs nothing to refuse who may change nothing
/// there. Pure. Errors: forbidden.
model::Result<void> check_actor(const model::Identity& actor, const model::UserId& user,
                                model::Role actor_role, model::Role wanted);

/// Whether the change may be made only while there is another owner, which is costly to know: to be asked
/// about once the rest allows the change.
bool takes_owner(const Change& change);

/// Pure. Errors: forbidden (the same for a target that exists and one that does not), not_found (nothing to
/// revoke), conflict (the last owner).
model::Result<void> check_change(const Change& change);

}  // namespace carillon::chat_permission
