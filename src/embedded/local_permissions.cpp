#include "embedded/local_permissions.hpp"

#include <algorithm>

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using base::Result;
using model::Role;
using model::Target;
using model::UserId;
using ports::Permission;

constexpr std::size_t kPage = 1000;
constexpr std::size_t kMaxOwnerCounts = 4096;

void make_key(std::string& out, const UserId& user, const Target& target) {
  out.assign(user.str());
  out += '\0';
  out += static_cast<char>(target.target_class);
  out += target.id;
}

std::string key_of(const UserId& user, const Target& target) {
  std::string key;
  make_key(key, user, target);
  return key;
}

}  // namespace

Result<Role> LocalPermissions::role(const UserId& user, const Target& target) {
  make_key(key_, user, target);
  if (const auto found = young_.find(key_); found != young_.end()) return found->second;
  if (const auto found = old_.find(key_); found != old_.end()) {
    const Role role = found->second;
    remember(key_, role);
    return role;
  }
  const auto entry = store_.permission(user, target);
  if (!entry) return std::unexpected(entry.error());
  const Role role = *entry ? (*entry)->role : Role::none;
  remember(key_, role);
  return role;
}

void LocalPermissions::remember(std::string key, Role role) {
  if (young_.size() >= half_) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.insert_or_assign(std::move(key), role);
}

Result<bool> LocalPermissions::may_read(const model::Identity& identity, const Target& target) {
  if (identity.is_admin || identity.claims(target)) return true;
  const auto found = role(identity.user, target);
  if (!found) return std::unexpected(found.error());
  return *found >= Role::viewer;
}

Result<bool> LocalPermissions::is_member(const model::Identity& identity, const Target& target) {
  if (identity.claims(target)) return true;
  const auto found = role(identity.user, target);
  if (!found) return std::unexpected(found.error());
  return *found >= Role::member;
}

Result<std::vector<std::string>> LocalPermissions::chats_of(const UserId& user, std::size_t limit) {
  std::vector<std::string> chats;
  std::optional<Target> after;
  while (chats.size() < limit) {
    auto page = store_.permissions_of_user(user, after, kPage);
    if (!page) return std::unexpected(page.error());
    for (const Permission& each : *page)
      if (each.target.is_chat() && chats.size() < limit) chats.push_back(each.target.id);
    if (page->size() < kPage) break;
    after = std::move(page->back().target);
  }
  return chats;
}

Result<bool> LocalPermissions::share_chat(const UserId& a, const UserId& b) {
  const auto chats = chats_of(a, kPage);
  if (!chats) return std::unexpected(chats.error());
  for (const std::string& chat : *chats) {
    const auto other = role(b, Target::chat(chat));
    if (!other) return std::unexpected(other.error());
    if (*other >= Role::viewer) return true;
  }
  return false;
}

Result<std::optional<Permission>> LocalPermissions::entry_in_batch(const UserId& user, const Target& target) {
  if (const auto found = staged_.find(key_of(user, target)); found != staged_.end()) {
    if (found->second.permission.role == Role::none) return std::nullopt;
    return found->second.permission;
  }
  return store_.permission(user, target);
}

Result<std::size_t> LocalPermissions::owners_of(const Target& target) {
  if (const auto found = owners_.find(target); found != owners_.end()) return found->second;
  std::size_t owners = 0;
  std::optional<UserId> after;
  while (true) {
    const auto page = store_.permissions_of_target(target, after, kPage);
    if (!page) return std::unexpected(page.error());
    owners += static_cast<std::size_t>(std::ranges::count(*page, Role::owner, &Permission::role));
    if (page->size() < kPage) break;
    after = page->back().user;
  }
  if (owners_.size() >= kMaxOwnerCounts) owners_.clear();
  owners_.emplace(target, owners);
  return owners;
}

Result<bool> LocalPermissions::another_owner(const UserId& user, const Target& target) {
  auto owners = owners_of(target);
  if (!owners) return std::unexpected(owners.error());
  for (const auto& [key, each] : staged_) {
    if (each.permission.target != target) continue;
    *owners += each.permission.role == Role::owner;
    *owners -= each.before == Role::owner;
  }
  const auto own = entry_in_batch(user, target);
  if (!own) return std::unexpected(own.error());
  return *owners > (*own && (*own)->role == Role::owner ? 1u : 0u);
}

Result<void> LocalPermissions::check(const model::Identity& actor, const UserId& user, const Target& target,
                                     Role current, Role wanted) {
  const auto own = entry_in_batch(actor.user, target);
  if (!own) return std::unexpected(own.error());
  chat_permission::Change change{actor, user, *own ? (*own)->role : Role::none, current, wanted, true};
  if (auto allowed = check_change(change); !allowed || !takes_owner(change)) return allowed;
  const auto another = another_owner(user, target);
  if (!another) return std::unexpected(another.error());
  change.another_owner = *another;
  return check_change(change);
}

void LocalPermissions::stage(Permission permission, Role before_in_batch) {
  const auto [at, fresh] =
      staged_.try_emplace(key_of(permission.user, permission.target), Staged{permission, before_in_batch});
  if (!fresh) at->second.permission = std::move(permission);
}

Result<ports::Grant> LocalPermissions::stage_grant(const model::Identity& actor, const UserId& user,
                                                   const Target& target, Role role, base::EpochMs now,
                                                   CommitBatch& batch) {
  const auto current = entry_in_batch(user, target);
  if (!current) return std::unexpected(current.error());
  const Role before = *current ? (*current)->role : Role::none;
  if (auto allowed = check(actor, user, target, before, role); !allowed)
    return std::unexpected(allowed.error());
  ports::Grant grant{{user, target, role, now, actor.user}, before == Role::none};
  batch.put_permission(grant.permission);
  stage(grant.permission, before);
  return grant;
}

Result<Permission> LocalPermissions::stage_revoke(const model::Identity& actor, const UserId& user,
                                                  const Target& target, CommitBatch& batch) {
  const auto current = entry_in_batch(user, target);
  if (!current) return std::unexpected(current.error());
  const Role before = *current ? (*current)->role : Role::none;
  if (auto allowed = check(actor, user, target, before, Role::none); !allowed)
    return std::unexpected(allowed.error());
  batch.delete_permission(user, target);
  Permission revoked = **current;
  Permission none = revoked;
  none.role = Role::none;
  stage(std::move(none), before);
  return revoked;
}

void LocalPermissions::commit() {
  for (const auto& [key, each] : staged_) {
    old_.erase(key);
    remember(key, each.permission.role);
    if (const auto found = owners_.find(each.permission.target); found != owners_.end()) {
      found->second += each.permission.role == Role::owner;
      found->second -= each.before == Role::owner;
    }
  }
  staged_.clear();
}

void LocalPermissions::forget() {
  staged_.clear();
  young_.clear();
  old_.clear();
  owners_.clear();
}

}  // namespace carillon::embedded
