#include <fmt/format.h>

#include "base/bytes.hpp"
#include "embedded/check_pass.hpp"
#include "embedded/parsed_keys.hpp"
#include "embedded/record.hpp"

namespace carillon::embedded {
namespace {

using model::Target;

/// Compares an entry with its twin in the other direction; its role, when it can be read.
model::Role compare_twins(CheckPass& pass, keys::ColumnFamily family, keys::ColumnFamily other,
                          std::string_view user, const Target& target, std::string_view partner,
                          std::string_view value) {
  const auto where = [&] { return fmt::format("{} in {}", base::printable(user), target_text(target)); };
  ports::Permission permission;
  if (!record::decode_permission(value, permission)) {
    pass.found(family, where() + ": the record is damaged");
    return model::Role::none;
  }
  const auto twin = pass.get(other, partner);
  if (!twin)
    pass.found(family, fmt::format("{}: no entry in {}", where(), keys::kColumnFamilyNames[other]));
  else if (*twin != value)
    pass.found(family, fmt::format("{}: {} says something else", where(), keys::kColumnFamilyNames[other]));
  return permission.role;
}

void check_by_user(CheckPass& pass) {
  pass.walk(keys::kPermissionsByUser, [&](std::string_view key, std::string_view value) {
    const auto user = keys::take_id(key);
    const auto id = user ? keys::take_id(key) : std::nullopt;
    if (!id || key.size() != 1 || !known_class(key[0]))
      return pass.found(keys::kPermissionsByUser, "a key is damaged");
    const Target target{static_cast<model::TargetClass>(key[0]), std::string(*id)};
    std::string partner;
    keys::target(partner, target.target_class, target.id);
    keys::id(partner, *user);
    compare_twins(pass, keys::kPermissionsByUser, keys::kPermissionsByTarget, *user, target, partner, value);
  });
}

/// A target as the walk comes by: what is said of its owners stands in front of its entries.
struct Owners {
  std::optional<Target> target;
  std::uint64_t said = 0, counted = 0;

  void compare(CheckPass& pass) const {
    if (target && said != counted)
      pass.found(keys::kPermissionsByTarget,
                 fmt::format("{}: {} owners, but the number says {}", target_text(*target), counted, said));
  }
};

void check_by_target(CheckPass& pass) {
  Owners owners;
  pass.walk(keys::kPermissionsByTarget, [&](std::string_view key, std::string_view value) {
    const auto parsed = parse_target_permission_key(key);
    if (!parsed) return pass.found(keys::kPermissionsByTarget, "a key is damaged");
    if (owners.target != parsed->target) {
      owners.compare(pass);
      owners = {parsed->target};
    }
    if (!parsed->user) {
      const auto said = record::decode_number(value);
      if (!said)
        return pass.found(keys::kPermissionsByTarget,
                          target_text(parsed->target) + ": the number of owners is damaged");
      owners.said = *said;
      return;
    }
    std::string partner;
    keys::permission_by_user(partner, *parsed->user, parsed->target);
    owners.counted += compare_twins(pass, keys::kPermissionsByTarget, keys::kPermissionsByUser, *parsed->user,
                                    parsed->target, partner, value) == model::Role::owner;
  });
  owners.compare(pass);
}

}  // namespace

void check_permissions(CheckPass& pass) {
  check_by_user(pass);
  check_by_target(pass);
}

}  // namespace carillon::embedded
