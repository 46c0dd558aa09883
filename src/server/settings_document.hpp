#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// A TOML text as plain data: the only door to the TOML library.
namespace carillon::server {

struct TomlMember;

struct TomlNode {
  /// What TOML has and no key takes: dates and times.
  struct Other {};

  std::variant<std::string, std::int64_t, double, bool, std::vector<TomlNode>, std::vector<TomlMember>, Other>
      value;
  int line = 0;

  const std::vector<TomlMember>* table() const { return std::get_if<std::vector<TomlMember>>(&value); }
  const std::vector<TomlNode>* array() const { return std::get_if<std::vector<TomlNode>>(&value); }
};

struct TomlMember {
  std::string key;
  TomlNode node;
};

struct TomlError {
  int line = 0;  ///< 0: the text as a whole
  std::string what;
};

inline constexpr std::size_t kMaxTomlBytes = 1 << 20;

/// The root table. The text may have kMaxTomlBytes and must not nest deeper than a configuration can.
std::expected<TomlNode, TomlError> parse_toml(std::string_view text);

}  // namespace carillon::server
