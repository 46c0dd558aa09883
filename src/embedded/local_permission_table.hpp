#pragma once

#include "base/event_loop.hpp"
#include "base/log_sampler.hpp"
#include "embedded/local_bus.hpp"
#include "embedded/local_connections.hpp"
#include "embedded/local_permissions.hpp"
#include "embedded/read_pool.hpp"
#include "ports/metric_set.hpp"
#include "ports/permission_table.hpp"

namespace carillon::embedded {

/// The permission table's port: changes go through the bus loop's batches, so that they are ordered with
/// publishing and subscribing. An audit line is written for each, and for refused ones at most a few per
/// second, the rest being counted. Reads run on the history's threads, within their limits: those of one
/// user's entries count for that user.
class LocalPermissionTable final : public ports::PermissionTable {
 public:
  LocalPermissionTable(base::EventLoop& loop, const Store& store, LocalBus& bus,
                       LocalPermissions& permissions, LocalConnections& connections, ReadPool& reads)
      : loop_(loop),
        store_(store),
        bus_(bus),
        permissions_(permissions),
        connections_(connections),
        reads_(reads) {}

  void grant(model::IdentityPtr actor, model::UserId user, model::Target target, model::Role role,
             ports::Completion<ports::Grant> done) override;
  void revoke(model::IdentityPtr actor, model::UserId user, model::Target target,
              ports::Completion<ports::Permission> done) override;
  void list_by_user(model::UserId user, std::optional<model::Target> after, std::size_t limit,
                    ports::Completion<std::vector<ports::Permission>> done) override;
  void list_by_target(model::Target target, std::optional<model::UserId> after, std::size_t limit,
                      ports::Completion<std::vector<ports::Permission>> done) override;
  void role_of(model::UserId user, model::Target target, ports::Completion<model::Role> done) override;

  /// Any thread.
  void collect(ports::MetricSet& into) const;

 private:
  void audit_refusal(const model::Identity& actor, const model::UserId& user, const model::Target& target,
                     const base::Error& error);

  base::EventLoop& loop_;
  const Store& store_;
  LocalBus& bus_;
  LocalPermissions& permissions_;
  LocalConnections& connections_;
  ReadPool& reads_;
  base::LogSampler refusals_{10};    ///< bus loop
  base::Counter granted_, revoked_;  ///< bus loop
};

}  // namespace carillon::embedded
