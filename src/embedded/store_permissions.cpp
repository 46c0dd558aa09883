#include "embedded/store_reading.hpp"

namespace carillon::embedded {

using base::Result;
using ports::Permission;

Result<std::optional<Permission>> Store::permission(const model::UserId& user,
                                                    const model::Target& target) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  std::string key;
  keys::permission_by_user(key, user.str(), target);
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = reading->get(keys::kPermissionsByUser, key, value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return read_failed(*reading, status);
  Permission found{.user = user, .target = target};
  if (!record::decode_permission(view(value), found))
    return record_damaged(*reading, keys::kPermissionsByUser);
  return found;
}

Result<std::vector<Permission>> Store::permissions_of_user(const model::UserId& user,
                                                           const std::optional<model::Target>& after,
                                                           std::size_t limit) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  std::vector<Permission> found;
  bool damaged = false;
  std::string prefix, from;
  keys::id(prefix, user.str());
  if (after) {
    keys::id(from, after->id);
    from += static_cast<char>(after->target_class);
    from += '\0';
  }
  const rocksdb::Status status =
      scan(*reading, keys::kPermissionsByUser, prefix, from, [&](std::string_view key, auto value) {
        const auto id = keys::take_id(key);
        Permission each{.user = user};
        damaged = !id || key.size() != 1;
        if (damaged || found.size() >= limit) return false;
        damaged = !record::decode_permission(value, each);
        if (damaged) return false;
        each.target = {static_cast<model::TargetClass>(key[0]), std::string(*id)};
        found.push_back(std::move(each));
        return true;
      });
  if (damaged) return record_damaged(*reading, keys::kPermissionsByUser);
  if (!status.ok()) return read_failed(*reading, status);
  return found;
}

Result<std::vector<Permission>> Store::permissions_of_target(const model::Target& target,
                                                             const std::optional<model::UserId>& after,
                                                             std::size_t limit) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  std::vector<Permission> found;
  bool damaged = false;
  std::string prefix, from;
  keys::target(prefix, target.target_class, target.id);
  if (after) keys::id(from, after->str());
  from += '\0';  // behind `after`, or behind the number of owners
  const rocksdb::Status status =
      scan(*reading, keys::kPermissionsByTarget, prefix, from, [&](std::string_view key, auto value) {
        const auto user = keys::take_id(key);
        damaged = !user || !key.empty();
        if (damaged || found.size() >= limit) return false;
        Permission each{.user = model::UserId(*user), .target = target};
        damaged = !record::decode_permission(value, each);
        if (!damaged) found.push_back(std::move(each));
        return !damaged;
      });
  if (damaged) return record_damaged(*reading, keys::kPermissionsByTarget);
  if (!status.ok()) return read_failed(*reading, status);
  return found;
}

Result<std::uint64_t> Store::owners(const model::Target& target) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  std::string key;
  keys::target(key, target.target_class, target.id);
  return read_number(*reading, keys::kPermissionsByTarget, key);
}

}  // namespace carillon::embedded
