#include "embedded/local_permissions.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using base::Result;
using model::Role;
using model::Target;
using model::UserId;
using ports::Permission;

constexpr std::size_t kPage = 1000;

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

Result<Role> LocalPermissions::role_in_batch(const UserId& user, const Target& target) {
  if (const auto found = staged_.find(key_of(user, target)); found != staged_.end())
    return found->second.role;
  return role(user, target);
}

Result<std::optional<Permission>> LocalPermissions::entry_in_batch(const UserId& user, const Target& target) {
  if (const auto found = staged_.find(key_of(user, target)); found != staged_.end()) {
    if (found->second.role == Role::none) return std::nullopt;
    return found->second;
  }
  return store_.permission(user, target);
}

Result<std::uint64_t> LocalPermissions::owners_in_batch(const Target& target) {
  if (const auto found = staged_owners_.find(target); found != staged_owners_.end()) return found->second;
  return store_.owners(target);
}

Result<Role> LocalPermissions::check(const model::Identity& actor, const UserId& user, const Target& target,
                                     Role wanted) {
  const auto own = role_in_batch(actor.user, target);
  if (!own) return std::unexpected(own.error());
  if (auto allowed = chat_permission::check_actor(actor, user, *own, wanted); !allowed)
    return std::unexpected(allowed.error());
  const auto current = role_in_batch(user, target);
  if (!current) return std::unexpected(current.error());
  chat_permission::Change change{actor, user, *own, *current, wanted, true};
  if (takes_owner(change)) {
    const auto owners = owners_in_batch(target);
    if (!owners) return std::unexpected(owners.error());
    change.another_owner = *owners > 1;
  }
  if (auto allowed = check_change(change); !allowed) return std::unexpected(allowed.error());
  return *current;
}

Result<void> LocalPermissions::stage(Permission permission, Role before, CommitBatch& batch) {
  const bool was_owner = before == Role::owner, is_owner = permission.role == Role::owner;
  if (was_owner != is_owner) {
    auto owners = owners_in_batch(permission.target);
    if (!owners) return std::unexpected(owners.error());
    if (is_owner)
      ++*owners;
    else if (*owners > 0)  // only a damaged store has an owner and counts none
      --*owners;
    batch.set_owners(permission.target, *owners);
    staged_owners_.insert_or_assign(permission.target, *owners);
  }
  if (permission.role == Role::none)
    batch.delete_permission(permission.user, permission.target);
  else
    batch.put_permission(permission);
  std::string key = key_of(permission.user, permission.target);
  staged_.insert_or_assign(std::move(key), std::move(permission));
  return {};
}

Result<ports::Grant> LocalPermissions::stage_grant(const model::Identity& actor, const UserId& user,
                                                   const Target& target, Role role, base::EpochMs now,
                                                   CommitBatch& batch) {
  const auto before = check(actor, user, target, role);
  if (!before) return std::unexpected(before.error());
  ports::Grant grant{{user, target, role, now, actor.user}, *before == Role::none};
  if (const auto staged = stage(grant.permission, *before, batch); !staged)
    return std::unexpected(staged.error());
  return grant;
}

Result<Permission> LocalPermissions::stage_revoke(const model::Identity& actor, const UserId& user,
                                                  const Target& target, CommitBatch& batch) {
  const auto before = check(actor, user, target, Role::none);
  if (!before) return std::unexpected(before.error());
  auto entry = entry_in_batch(user, target);
  if (!entry) return std::unexpected(entry.error());
  if (!*entry) return model::fail(errors::kNotFound, "no such permission");
  Permission none = **entry;
  none.role = Role::none;
  if (const auto staged = stage(std::move(none), *before, batch); !staged)
    return std::unexpected(staged.error());
  return std::move(**entry);
}

void LocalPermissions::commit() {
  for (const auto& [key, each] : staged_) {
    old_.erase(key);
    remember(key, each.role);
  }
  staged_.clear();
  staged_owners_.clear();
}

void LocalPermissions::forget() {
  staged_.clear();
  staged_owners_.clear();
  young_.clear();
  old_.clear();
}

}  // namespace carillon::embedded
