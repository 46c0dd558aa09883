#include "chat_permission/list_cursor.hpp"

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace carillon::chat_permission {
namespace {

using model::Target;
using model::TargetClass;

constexpr std::size_t kMarkBytes = 8;
constexpr std::size_t kMaxText = 2048;  ///< an id has at most 256 characters of four bytes

std::string mark_of(const Target& list) {
  return base::sha256(list.str()).substr(0, kMarkBytes);
}

/// A user's list holds targets, a target's list holds users.
bool may_hold(const Target& list, TargetClass target_class) {
  if (list.target_class != TargetClass::user) return target_class == TargetClass::user;
  return target_class == TargetClass::org || target_class == TargetClass::hub ||
         target_class == TargetClass::project || target_class == TargetClass::chat;
}

}  // namespace

std::string list_cursor(const Target& list, const Target& last) {
  return base::base64url_encode(mark_of(list) + static_cast<char>(last.target_class) + last.id);
}

std::optional<Target> parse_list_cursor(const Target& list, std::string_view text) {
  if (text.size() > kMaxText) return std::nullopt;
  const auto bytes = base::base64url_decode(text);
  if (!bytes || bytes->size() <= kMarkBytes || !bytes->starts_with(mark_of(list))) return std::nullopt;
  Target last{static_cast<TargetClass>((*bytes)[kMarkBytes]), bytes->substr(kMarkBytes + 1)};
  if (!may_hold(list, last.target_class) || !base::valid_id(last.id)) return std::nullopt;
  return last;
}

}  // namespace carillon::chat_permission
