#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "model/identity.hpp"

namespace carillon::ports {

/// How many recipients of a delivery are known by name; of the others only the number is kept.
inline constexpr std::size_t kMaxNamedUsers = 32;

/// Users, each once and at most kMaxNamedUsers, shared by everything that concerns the same ones. Null:
/// nobody.
using UserListPtr = std::shared_ptr<const std::vector<model::UserId>>;

/// A list of one; null for an empty id.
UserListPtr list_of(model::UserId user);
/// The users of `first`, then those of `second` as far as there is room: `first` itself when nothing is
/// added.
UserListPtr joined(const UserListPtr& first, const UserListPtr& second);

}  // namespace carillon::ports
