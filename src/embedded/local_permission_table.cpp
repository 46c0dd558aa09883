#include "embedded/local_permission_table.hpp"

#include "base/log.hpp"
#include "embedded/message_lines.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using model::Target;
using model::UserId;
using ports::Completion;
using ports::Permission;

void audit(bool granted, const model::Identity& actor, const Permission& permission) {
  base::log::info(granted ? "permission_granted" : "permission_revoked", "permission changed",
                  {{"actor", actor.user.str()},
                   {"userId", permission.user.str()},
                   {"target", permission.target.str()},
                   {"role", name(permission.role)}});
}

/// One change, from the call to its answer.
template <typename T>
struct Call {
  model::IdentityPtr actor;
  UserId user;
  Target target;
  std::optional<T> result;
  Completion<T> done;
};

}  // namespace

void LocalPermissionTable::grant(model::IdentityPtr actor, UserId user, Target target, model::Role role,
                                 Completion<ports::Grant> done) {
  using Grant = Call<ports::Grant>;
  auto call = std::make_shared<Grant>(std::move(actor), std::move(user), std::move(target), std::nullopt,
                                      std::move(done));
  loop_.post([this, call, role] {
    LocalBus::Change change;
    change.decide = [this, call, role](CommitBatch& batch) {
      auto staged =
          permissions_.stage_grant(*call->actor, call->user, call->target, role, base::now_ms(), batch);
      if (!staged) {
        audit_refusal(*call->actor, call->user, call->target, staged.error());
        return call->done(std::unexpected(staged.error())), false;
      }
      call->result = std::move(*staged);
      return true;
    };
    change.done = [this, call](Result<void> durable) {
      if (!durable) return call->done(std::unexpected(durable.error()));
      granted_.add();
      if (call->result->created) connections_.granted(call->user, call->target);
      audit(true, *call->actor, call->result->permission);
      call->done(std::move(*call->result));
    };
    bus_.submit(std::move(change));
  });
}

void LocalPermissionTable::revoke(model::IdentityPtr actor, UserId user, Target target,
                                  Completion<Permission> done) {
  using Revoke = Call<Permission>;
  auto call = std::make_shared<Revoke>(std::move(actor), std::move(user), std::move(target), std::nullopt,
                                       std::move(done));
  loop_.post([this, call] {
    LocalBus::Change change;
    change.decide = [this, call](CommitBatch& batch) {
      auto staged = permissions_.stage_revoke(*call->actor, call->user, call->target, batch);
      if (!staged) {
        audit_refusal(*call->actor, call->user, call->target, staged.error());
        return call->done(std::unexpected(staged.error())), false;
      }
      call->result = std::move(*staged);
      return true;
    };
    change.done = [this, call](Result<void> durable) {
      if (!durable) return call->done(std::unexpected(durable.error()));
      revoked_.add();
      audit(false, *call->actor, *call->result);
      connections_.revoked(call->user, call->target, [call] { call->done(std::move(*call->result)); });
    };
    bus_.submit(std::move(change));
  });
}

void LocalPermissionTable::list_by_user(UserId user, std::optional<Target> after, std::size_t limit,
                                        Completion<std::vector<Permission>> done) {
  const std::optional<UserId> asking(user);
  reads_.run(asking, std::move(done), [this, user = std::move(user), after = std::move(after), limit] {
    return store_.permissions_of_user(user, after, limit);
  });
}

void LocalPermissionTable::list_by_target(Target target, std::optional<UserId> after, std::size_t limit,
                                          Completion<std::vector<Permission>> done) {
  reads_.run({}, std::move(done), [this, target = std::move(target), after = std::move(after), limit] {
    return store_.permissions_of_target(target, after, limit);
  });
}

void LocalPermissionTable::role_of(UserId user, Target target, Completion<model::Role> done) {
  const std::optional<UserId> asking(user);
  reads_.run(asking, std::move(done),
             [this, user = std::move(user), target = std::move(target)]() -> Result<model::Role> {
               const auto entry = store_.permission(user, target);
               if (!entry) return std::unexpected(entry.error());
               return *entry ? (*entry)->role : model::Role::none;
             });
}

void LocalPermissionTable::audit_refusal(const model::Identity& actor, const UserId& user,
                                         const Target& target, const base::Error& error) {
  if (!refusals_.allow(base::monotonic_now())) return;
  base::log::info("permission_refused", "a change of permissions was refused",
                  {{"actor", actor.user.str()},
                   {"userId", user.str()},
                   {"target", target.str()},
                   {"status", error.status()},
                   {"suppressed", refusals_.take_suppressed()}});
}

void LocalPermissionTable::collect(ports::MetricSet& into) const {
  const auto changes = [&](std::string change, const base::Counter& count) {
    into.counter("carillon_permission_changes_total", "Changes of permissions that are in force.",
                 count.value(), {{"change", std::move(change)}});
  };
  changes("granted", granted_);
  changes("revoked", revoked_);
  ports::collect_suppressed(into, "permission_refused", refusals_.suppressed());
}

}  // namespace carillon::embedded
