#include "server/settings_loader.hpp"

#include <algorithm>
#include <numeric>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/bytes.hpp"
#include "server/settings_rules.hpp"

namespace carillon::server {
namespace {

using Mistake = SettingsLoader::Mistake;

constexpr std::size_t kMaxGroup = 1000;

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

/// Whether a value under an unknown name had better not be shown.
bool sounds_secret(std::string_view name) {
  for (const std::string_view word : {"secret", "secrt", "password", "passwd", "token", "key", "credential"})
    if (name.find(word) != std::string_view::npos) return true;
  return false;
}

boost::json::value to_json(const TomlNode& node) {
  if (const auto* members = node.table()) {
    boost::json::object object;
    for (const TomlMember& member : *members) object[member.key] = to_json(member.node);
    return object;
  }
  if (const auto* entries = node.array()) {
    boost::json::array array;
    for (const TomlNode& entry : *entries) array.push_back(to_json(entry));
    return array;
  }
  if (const auto* text = std::get_if<std::string>(&node.value)) return boost::json::string(*text);
  if (const auto* integer = std::get_if<std::int64_t>(&node.value)) return *integer;
  if (const auto* number = std::get_if<double>(&node.value)) return *number;
  if (const auto* flag = std::get_if<bool>(&node.value)) return *flag;
  return nullptr;
}

/// The node as a value for `key`; nothing when it is of a type the key does not have.
std::optional<SettingValue> to_value(const SettingKey& key, const TomlNode& node) {
  if (const auto* members = node.table()) {
    if (key.kind == KeyKind::filter) return boost::json::serialize(to_json(node));
    if (key.kind != KeyKind::overrides) return std::nullopt;
    std::vector<std::string> list;
    for (const TomlMember& member : *members) {
      const auto* text = std::get_if<std::string>(&member.node.value);
      if (text == nullptr) return std::nullopt;
      list.push_back(member.key + '=' + *text);
    }
    return list;
  }
  if (key.kind == KeyKind::filter || key.kind == KeyKind::overrides) return std::nullopt;
  if (const auto* entries = node.array()) {
    std::vector<std::string> list;
    for (const TomlNode& entry : *entries) {
      const auto* text = std::get_if<std::string>(&entry.value);
      if (text == nullptr) return std::nullopt;
      list.push_back(*text);
    }
    return list;
  }
  if (const auto* integer = std::get_if<std::int64_t>(&node.value)) {
    if (key.kind == KeyKind::number) return static_cast<double>(*integer);
    return *integer;
  }
  if (const auto* number = std::get_if<double>(&node.value)) return *number;
  if (const auto* flag = std::get_if<bool>(&node.value)) return *flag;
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr) return std::nullopt;
  if (key.kind == KeyKind::text_or_list) return std::vector<std::string>{*text};
  return *text;
}

/// The node as it was written, more or less, for an error.
std::string show(const TomlNode& node) {
  if (node.table() != nullptr) {
    const std::string table = toml_inline_table(boost::json::serialize(to_json(node)));
    return table.empty() ? "a table" : shortened(table);
  }
  if (const auto* entries = node.array()) {
    std::string out = "[";
    for (const TomlNode& entry : *entries) {
      if (out.size() > 1000) break;
      out += (out.size() > 1 ? ", " : "") + show(entry);
    }
    return shortened(out + ']');
  }
  SettingKey plain;
  if (const auto* text = std::get_if<std::string>(&node.value)) return shown_value(plain, *text);
  if (const auto* number = std::get_if<double>(&node.value)) return toml_value(plain, *number);
  if (const auto* integer = std::get_if<std::int64_t>(&node.value)) return toml_value(plain, *integer);
  if (const auto* flag = std::get_if<bool>(&node.value)) return toml_value(plain, *flag);
  return "a date or time";
}

bool is_section(std::string_view path) {
  return std::ranges::any_of(setting_keys(), [&](const SettingKey& key) {
    return key.name.size() > path.size() && key.name.starts_with(path) && key.name[path.size()] == '.';
  });
}

/// What may stand right below `section`.
std::vector<std::string> names_below(std::string_view section) {
  std::vector<std::string> names;
  for (const SettingKey& key : setting_keys()) {
    std::string_view rest = key.name;
    if (!section.empty()) {
      if (!rest.starts_with(section) || rest[section.size()] != '.') continue;
      rest.remove_prefix(section.size() + 1);
    }
    std::string name(rest.substr(0, rest.find('.')));
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

std::string join(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

/// Every plain key, and the keys of this table by their names.
std::vector<std::string> known_names(std::string_view table_section, std::string_view shown_section) {
  std::vector<std::string> known;
  for (const SettingKey& key : setting_keys()) {
    if (key.group() == KeyGroup::none) known.emplace_back(key.name);
    if (key.section() == table_section && key.group() != KeyGroup::none)
      known.push_back(std::string(shown_section) + '.' + std::string(key.leaf()));
  }
  return known;
}

std::string unknown_key(const TomlMember& member, const std::string& path, std::string_view table_section) {
  const std::size_t dot = path.size() - member.key.size();
  const std::string shown_section = dot == 0 ? "" : path.substr(0, dot - 1);
  const std::string near = closest_name(path, known_names(table_section, shown_section));
  const SettingKey* meant = find_key(near);
  std::string out = shortened(base::printable(path));
  if (member.node.table() == nullptr) {
    const bool hide = sounds_secret(path) || (meant != nullptr && meant->secret);
    out += " = " + (hide ? std::string("(not shown)") : show(member.node));
  }
  out += ": unknown key; ";
  if (!near.empty()) return out + "did you mean " + near + '?';
  if (shown_section.empty()) return out + "the sections are " + join(names_below(""));
  return out + '[' + shown_section + "] takes " + join(names_below(table_section));
}

}  // namespace

const SettingKey* find_key(std::string_view name) {
  const auto keys = setting_keys();
  const auto found = std::ranges::find(keys, name, &SettingKey::name);
  return found == keys.end() ? nullptr : &*found;
}

std::string closest_name(std::string_view name, const std::vector<std::string>& known) {
  if (name.size() > 100) return {};
  std::string best;
  std::size_t least = std::max<std::size_t>(2, name.size() / 5) + 1;
  const std::string_view leaf = name.substr(name.rfind('.') + 1);
  for (const std::string& each : known) {
    if (const std::size_t distance = edit_distance(name, each); distance < least) {
      least = distance;
      best = each;
    }
  }
  if (!best.empty()) return best;
  // The right key in the wrong section.
  for (const std::string& each : known)
    if (std::string_view(each).substr(each.rfind('.') + 1) == leaf) return each;
  return {};
}

std::string SettingsLoader::at(int line) const {
  return file_ + (line > 0 ? ':' + std::to_string(line) : "") + ": ";
}

std::string SettingsLoader::full_name(const SettingKey& key, std::size_t index) const {
  if (key.group() == KeyGroup::none) return std::string(key.name);
  return group_section(settings_, key.group(), index) + '.' + std::string(key.leaf());
}

Mistake SettingsLoader::apply_file(const TomlNode& root, std::string_view name) {
  file_ = shortened(base::printable(name));
  return apply_table(*root.table(), "");
}

Mistake SettingsLoader::apply_table(const std::vector<TomlMember>& table, const std::string& section) {
  for (const TomlMember& member : table)
    if (auto mistake = apply_member(member, section.empty() ? member.key : section + '.' + member.key))
      return mistake;
  return std::nullopt;
}

Mistake SettingsLoader::apply_member(const TomlMember& member, const std::string& path) {
  if (path == "channels") return apply_named_tables(member.node, KeyGroup::channel);
  if (path == "alarms") return apply_named_tables(member.node, KeyGroup::alarm);
  if (path == "auth.aws_keys") return apply_aws_keys(member.node);
  if (const SettingKey* key = find_key(path); key != nullptr && key->group() == KeyGroup::none)
    return assign(*key, 0, member.node);
  if (!is_section(path)) {
    const std::size_t dot = path.rfind('.');
    return at(member.node.line) +
           unknown_key(member, path, dot == std::string::npos ? "" : std::string_view(path).substr(0, dot));
  }
  if (const auto* table = member.node.table()) return apply_table(*table, path);
  return at(member.node.line) + path + " = " + show(member.node) + ": must be a section: [" + path + ']';
}

Mistake SettingsLoader::apply_named_tables(const TomlNode& node, KeyGroup group) {
  const std::string section = group == KeyGroup::channel ? "channels" : "alarms";
  if (node.table() == nullptr)
    return at(node.line) + section + " = " + show(node) + ": must be sections: [" + section + ".NAME]";
  for (const TomlMember& member : *node.table()) {
    const std::string name = shortened(base::printable(member.key));
    if (!valid_setting_name(member.key))
      return at(member.node.line) + section + '.' + name +
             ": the name must be a letter and up to 63 letters, digits, \"-\" and \"_\"";
    if (member.node.table() == nullptr)
      return at(member.node.line) + section + '.' + name + " = " +
             (sounds_secret(name) ? "(not shown)" : show(member.node)) + ": must be a section: [" + section +
             ".NAME]";
    const std::size_t index = group_size(settings_, group);
    if (index == kMaxGroup) return at(member.node.line) + section + ": must be at most 1000 sections";
    add_to_group(settings_, group, member.key);
    if (auto mistake = apply_group_member(*member.node.table(), group, index)) return mistake;
  }
  return std::nullopt;
}

Mistake SettingsLoader::apply_aws_keys(const TomlNode& node) {
  const auto refuse_type = [&] {
    return at(node.line) + "auth.aws_keys: must be sections: [[auth.aws_keys]]";
  };
  if (node.array() == nullptr) return refuse_type();
  for (const TomlNode& entry : *node.array()) {
    if (entry.table() == nullptr) return refuse_type();
    const std::size_t index = settings_.aws_keys.size();
    if (index == kMaxGroup) return at(entry.line) + "auth.aws_keys: must be at most 1000 sections";
    add_to_group(settings_, KeyGroup::aws_key, {});
    if (auto mistake = apply_group_member(*entry.table(), KeyGroup::aws_key, index)) return mistake;
  }
  return std::nullopt;
}

Mistake SettingsLoader::apply_group_member(const std::vector<TomlMember>& table, KeyGroup group,
                                           std::size_t index) {
  for (const TomlMember& member : table) {
    const auto keys = setting_keys();
    const auto key = std::ranges::find_if(
        keys, [&](const SettingKey& each) { return each.group() == group && each.leaf() == member.key; });
    if (key == keys.end()) {
      const auto any =
          std::ranges::find_if(keys, [&](const SettingKey& each) { return each.group() == group; });
      return at(member.node.line) +
             unknown_key(member, group_section(settings_, group, index) + '.' + member.key, any->section());
    }
    if (auto mistake = assign(*key, index, member.node)) return mistake;
  }
  return std::nullopt;
}

Mistake SettingsLoader::assign(const SettingKey& key, std::size_t index, const TomlNode& node) {
  const auto value = to_value(key, node);
  const std::string name = full_name(key, index);
  if (!value || !takes(key, *value)) {
    const bool text = std::holds_alternative<std::string>(node.value);
    const std::string shown = key.secret && !text ? "(not shown)"
                              : value             ? shown_value(key, *value)
                                                  : show(node);
    return at(node.line) + name + " = " + shown + ": must be " + allowed_text(key);
  }
  key.set(settings_, index, key, *value);
  sources_[name] = at(node.line);
  return std::nullopt;
}

Mistake SettingsLoader::assign_text(const SettingKey& key, std::size_t index, std::string_view text,
                                    std::string source) {
  const std::string name = full_name(key, index);
  const auto value = parse_value(key, text);
  if (!value || !takes(key, *value)) {
    const std::string shown =
        value ? shown_value(key, *value) : shown_value(SettingKey{.secret = key.secret}, std::string(text));
    return source + name + " = " + shown + ": must be " + allowed_text(key);
  }
  key.set(settings_, index, key, *value);
  sources_[name] = std::move(source);
  return std::nullopt;
}

Mistake SettingsLoader::apply_environment(const std::map<std::string, std::string>& environment) {
  struct Place {
    const SettingKey* key;
    std::size_t index;
  };
  std::map<std::string, Place> places;
  std::vector<std::string> names;
  for (const SettingKey& key : setting_keys()) {
    for (std::size_t index = 0; index < group_size(settings_, key.group()); ++index) {
      const std::string name = environment_name(full_name(key, index));
      // Names that differ only in what the environment cannot show: neither is meant.
      if (!places.emplace(name, Place{&key, index}).second) places[name].key = nullptr;
      names.push_back(name);
    }
  }
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("CARILLON_") || name == "CARILLON_URL" || name == "CARILLON_TOKEN") continue;
    const auto place = places.find(name);
    const std::string shown = shortened(base::printable(name));
    if (place == places.end()) {
      const std::string near = closest_name(name, names);
      warnings_.push_back(shown + " in the environment is no key and was ignored" +
                          (near.empty() ? "" : "; did you mean " + near + '?'));
    } else if (place->second.key == nullptr) {
      return shown + ": stands for more than one key of the file: set it there";
    } else if (auto mistake = assign_text(*place->second.key, place->second.index, value, shown + ": ")) {
      return mistake;
    }
  }
  return std::nullopt;
}

Mistake SettingsLoader::apply_flag(const FlagOverride& flag) {
  const SettingKey* key = find_key(flag.key);
  if (key == nullptr || key->group() != KeyGroup::none) return flag.flag + ": is no key: " + flag.key;
  return assign_text(*key, 0, flag.value, flag.flag + ": ");
}

}  // namespace carillon::server
