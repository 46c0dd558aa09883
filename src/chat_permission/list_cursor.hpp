#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/target.hpp"

namespace carillon::chat_permission {

/// The `nextToken` of a list of permissions: opaque, behind which entry the list goes on, and of which list.
/// It opens nothing, as every page is authorised by itself, so it carries no seal. Pure.
///
/// `list` is what is listed: a user, or the target whose users are listed. `last` is the last entry shown: a
/// target, or a user.
std::string list_cursor(const model::Target& list, const model::Target& last);

/// `last` again; nothing when the text is no cursor of this list.
std::optional<model::Target> parse_list_cursor(const model::Target& list, std::string_view text);

}  // namespace carillon::chat_permission
