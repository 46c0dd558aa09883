#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/settings.hpp"

/// The table of configuration keys: what parsing, names in the environment, error texts, `config print` and
/// the tables of docs/configuration.md are made from.
namespace carillon::server {

/// A value as TOML and the environment can give it. Durations are text, retention overrides a list of
/// `prefix=7d`, a filter policy JSON text.
using SettingValue = std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>>;

enum class KeyKind {
  text,
  listen,  ///< HOST:PORT
  url,
  choice,
  integer,
  number,
  boolean,
  duration,
  text_list,
  text_or_list,  ///< a list, in the file also a single string
  overrides,     ///< a table of prefix to duration
  filter         ///< a filter policy, in the file an inline table
};

/// What a key belongs to when there can be several of it: then its name holds `NAME` (or a number).
enum class KeyGroup { none, channel, alarm, aws_key };

struct SettingKey {
  std::string_view name;  ///< `gateway.listen`, `channels.NAME.url`
  KeyKind kind = KeyKind::text;
  SettingValue (*get)(const Settings& settings, std::size_t index, const SettingKey& key) = nullptr;
  void (*set)(Settings& settings, std::size_t index, const SettingKey& key,
              const SettingValue& value) = nullptr;
  std::string_view description;
  double min = 0;  ///< integers, numbers; durations in milliseconds
  double max = 0;
  std::span<const std::string_view> choices;  ///< in the order of the enumeration they stand for
  bool (*valid)(std::string_view) = nullptr;  ///< for texts, and for each entry of a list
  std::string_view allowed;                   ///< says what `valid` lets through
  bool may_be_empty = false;                  ///< "" is "not set"
  bool secret = false;
  bool required = false;  ///< has no default
  bool held = false;      ///< read and checked, but nothing in this version uses it

  KeyGroup group() const;
  /// The part after the last dot.
  std::string_view leaf() const { return name.substr(name.rfind('.') + 1); }
  std::string_view section() const { return name.substr(0, name.rfind('.')); }
};

/// All keys, sections together, in the order they are printed.
std::span<const SettingKey> setting_keys();

/// Members of a group: `index` of SettingKey::get and set counts them.
std::size_t group_size(const Settings& settings, KeyGroup group);
void add_to_group(Settings& settings, KeyGroup group, std::string name);
/// `channels.Email`, `auth.aws_keys.0`: what stands for the `section()` of the group's keys.
std::string group_section(const Settings& settings, KeyGroup group, std::size_t index);

/// `gateway.listen` → `CARILLON_GATEWAY_LISTEN`.
std::string environment_name(std::string_view key_name);

}  // namespace carillon::server
