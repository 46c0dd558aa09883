#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/settings_document.hpp"
#include "server/settings_keys.hpp"

namespace carillon::server {

/// Puts the layers of a configuration one over the other and remembers where each value came from. Every
/// step returns the first mistake as one line, or nothing. For one load, on one thread.
class SettingsLoader {
 public:
  using Mistake = std::optional<std::string>;

  explicit SettingsLoader(Settings& settings) : settings_(settings) {}

  /// `name` stands for the file in errors.
  Mistake apply_file(const TomlNode& root, std::string_view name);
  Mistake apply_environment(const std::map<std::string, std::string>& environment);
  Mistake apply_flag(const FlagOverride& flag);
  /// What no single key can tell: values that need or exclude one another.
  Mistake check();

  std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  Mistake apply_table(const std::vector<TomlMember>& table, const std::string& section);
  Mistake apply_member(const TomlMember& member, const std::string& path);
  Mistake apply_named_tables(const TomlNode& node, KeyGroup group);
  Mistake apply_aws_keys(const TomlNode& node);
  Mistake apply_group_member(const std::vector<TomlMember>& table, KeyGroup group, std::size_t index);
  Mistake assign(const SettingKey& key, std::size_t index, const TomlNode& node);
  Mistake assign_text(const SettingKey& key, std::size_t index, std::string_view text, std::string source);

  Mistake check_auth() const;
  Mistake check_keys_of_auth() const;
  Mistake check_limits() const;
  Mistake check_channels() const;
  Mistake check_alarms() const;
  Mistake check_required() const;
  Mistake check_redactions() const;
  Mistake check_others() const;

  /// `carillon.toml:12: ` for a line of the file.
  std::string at(int line) const;
  /// The key's own name, `NAME` replaced.
  std::string full_name(const SettingKey& key, std::size_t index) const;
  /// `<where the value came from>: <key> = <value>: <what>`.
  std::string refuse(std::string_view key_name, std::string_view what, std::size_t index = 0) const;

  Settings& settings_;
  std::string file_;
  std::map<std::string, std::string, std::less<>> sources_;  ///< full key name to where it was set
  std::vector<std::string> warnings_;
};

/// The key of this name in the table, or null.
const SettingKey* find_key(std::string_view name);

/// The known name that `name` was probably meant to be; empty when none is near.
std::string closest_name(std::string_view name, const std::vector<std::string>& known);

}  // namespace carillon::server
