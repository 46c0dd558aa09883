#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "chat_permission/rules.hpp"
#include "embedded/commit_batch.hpp"
#include "embedded/store.hpp"
#include "ports/permission_table.hpp"

namespace carillon::embedded {

/// UserChatPermissions as the bus loop sees it: a bounded memory of roles over the store's table, and the
/// changes of the batch under way. Bus loop only.
class LocalPermissions {
 public:
  /// Remembers at most `max_cached` roles; the rest is read from the store again.
  LocalPermissions(const Store& store, std::size_t max_cached) : store_(store), half_(max_cached / 2) {}

  /// The role in force; none without an entry. Under 1 µs from memory. Errors: the store's.
  base::Result<model::Role> role(const model::UserId& user, const model::Target& target);

  /// Whether the identity may read the target: by carillon/admin, by a claim, or by role viewer or above.
  base::Result<bool> may_read(const model::Identity& identity, const model::Target& target);
  /// Whether the identity is a member: by a claim, or by role member or above.
  base::Result<bool> is_member(const model::Identity& identity, const model::Target& target);
  /// Whether two users have an entry for one chat.
  base::Result<bool> share_chat(const model::UserId& a, const model::UserId& b);
  /// Up to `limit` chats that the user has an entry for.
  base::Result<std::vector<std::string>> chats_of(const model::UserId& user, std::size_t limit);

  /// Decides a change against what is in force and what the batch changed before, and adds it to the batch.
  base::Result<ports::Grant> stage_grant(const model::Identity& actor, const model::UserId& user,
                                         const model::Target& target, model::Role role, base::EpochMs now,
                                         CommitBatch& batch);
  base::Result<ports::Permission> stage_revoke(const model::Identity& actor, const model::UserId& user,
                                               const model::Target& target, CommitBatch& batch);
  /// The batch is durable: its changes are in force.
  void commit();
  /// The batch failed, or the store was reopened.
  void forget();

 private:
  using Roles = std::unordered_map<std::string, model::Role>;

  // With what the batch changed before.
  base::Result<model::Role> role_in_batch(const model::UserId& user, const model::Target& target);
  base::Result<std::optional<ports::Permission>> entry_in_batch(const model::UserId& user,
                                                                const model::Target& target);
  base::Result<std::uint64_t> owners_in_batch(const model::Target& target);

  /// The entry's role before the change, when the change is allowed.
  base::Result<model::Role> check(const model::Identity& actor, const model::UserId& user,
                                  const model::Target& target, model::Role wanted);
  /// Adds the entry, or its end when its role is none, and what it changes in the number of owners.
  base::Result<void> stage(ports::Permission permission, model::Role before, CommitBatch& batch);
  void remember(std::string key, model::Role role);

  const Store& store_;
  std::size_t half_;
  Roles young_, old_;
  std::unordered_map<std::string, ports::Permission> staged_;  ///< role none: revoked
  std::unordered_map<model::Target, std::uint64_t, model::TargetHash> staged_owners_;
  std::string key_;
};

}  // namespace carillon::embedded
