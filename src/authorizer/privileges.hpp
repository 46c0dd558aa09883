#pragma once

#include <string_view>

#include "model/identity.hpp"

namespace carillon::authorizer {

/// What a scope or a group of this name gives (CONTRACT §3); nothing when it is none of ours.
inline void add_privilege(model::Identity& identity, std::string_view name) {
  if (name == "carillon/publish") identity.may_publish_anywhere = true;
  if (name == "carillon/admin") identity.is_admin = true;
  if (name == "carillon/metrics") identity.may_read_metrics = true;
}

}  // namespace carillon::authorizer
