#include "embedded/local_permission_table.hpp"

#include "base/log.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using model::Target;
using model::UserId;
using ports::Completion;
using ports::Permission;

void audit(std::string_view what, const model::Identity& actor, const Permission& permission) {
  base::log::info(what, "permission changed",
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
      if (!staged) return call->done(std::unexpected(staged.error())), false;
      call->result = std::move(*staged);
      return true;
    };
    change.done = [this, call](Result<void> durable) {
      if (!durable) return call->done(std::unexpected(durable.error()));
      connections_.granted(call->user, call->target);
      audit("permission_granted", *call->actor, call->result->permission);
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
      if (!staged) return call->done(std::unexpected(staged.error())), false;
      call->result = std::move(*staged);
      return true;
    };
    change.done = [this, call](Result<void> durable) {
      if (!durable) return call->done(std::unexpected(durable.error()));
      audit("permission_revoked", *call->actor, *call->result);
      connections_.revoked(call->user, call->target, [call] { call->done(std::move(*call->result)); });
    };
    bus_.submit(std::move(change));
  });
}

void LocalPermissionTable::list_by_user(UserId user, std::string start, std::size_t limit,
                                        Completion<std::vector<Permission>> done) {
  done(store_.permissions_of_user(user, start, limit));
}

void LocalPermissionTable::list_by_target(Target target, std::string start, std::size_t limit,
                                          Completion<std::vector<Permission>> done) {
  done(store_.permissions_of_target(target, start, limit));
}

void LocalPermissionTable::role_of(UserId user, Target target, Completion<model::Role> done) {
  loop_.post([this, user = std::move(user), target = std::move(target), done = std::move(done)]() mutable {
    done(permissions_.role(user, target));
  });
}

}  // namespace carillon::embedded
