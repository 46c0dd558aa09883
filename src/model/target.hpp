#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::model {

/// CONTRACT §4. The numbers are part of the storage format.
enum class TargetClass : std::uint8_t { user = 1, org = 2, hub = 3, project = 4, chat = 5, all = 6 };

std::string_view name(TargetClass target_class);
std::optional<TargetClass> parse_target_class(std::string_view text);

/// Whom a message is for. `id` is empty exactly for TargetClass::all.
struct Target {
  TargetClass target_class = TargetClass::chat;
  std::string id;

  static Target chat(std::string id) { return {TargetClass::chat, std::move(id)}; }
  static Target user(std::string id) { return {TargetClass::user, std::move(id)}; }
  static Target all() { return {TargetClass::all, {}}; }
  bool is_chat() const { return target_class == TargetClass::chat; }
  /// `chat:abc`: for logs, group ids and keys.
  std::string str() const;
  bool operator==(const Target&) const = default;
};

struct TargetHash {
  std::size_t operator()(const Target& target) const {
    return std::hash<std::string>()(target.id) * 31 + static_cast<std::size_t>(target.target_class);
  }
};

}  // namespace carillon::model

/// libstdc++ keeps the hash beside each entry only of hashes that it takes for slow; without it every step
/// along a bucket hashes and compares a text again.
template <>
struct std::__is_fast_hash<carillon::model::TargetHash> : std::false_type {};
