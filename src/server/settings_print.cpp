#include <algorithm>
#include <charconv>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/terminal.hpp"
#include "server/settings_keys.hpp"
#include "server/settings_rules.hpp"

namespace carillon::server {
namespace {

constexpr std::size_t kShownCharacters = 100;

std::string toml_number(double value) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  std::string out(text, end);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

std::string toml_key(std::string_view key) {
  const bool bare = !key.empty() && key.find_first_not_of(
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-_") == std::string_view::npos;
  return bare ? std::string(key) : toml_string(key);
}

/// False for what TOML cannot hold: null, numbers over 2^63.
bool append_inline(std::string& out, const boost::json::value& value) {
  if (const auto* object = value.if_object()) {
    out += '{';
    bool first = true;
    for (const auto& member : *object) {
      out += first ? " " : ", ";
      first = false;
      out += toml_key(member.key()) + " = ";
      if (!append_inline(out, member.value())) return false;
    }
    out += first ? "}" : " }";
    return true;
  }
  if (const auto* array = value.if_array()) {
    out += '[';
    for (const auto& entry : *array) {
      if (&entry != &array->front()) out += ", ";
      if (!append_inline(out, entry)) return false;
    }
    out += ']';
    return true;
  }
  if (const auto* text = value.if_string()) out += toml_string({text->data(), text->size()});
  if (const auto* flag = value.if_bool()) out += *flag ? "true" : "false";
  if (const auto* number = value.if_int64()) out += std::to_string(*number);
  if (const auto* number = value.if_double()) out += toml_number(*number);
  return !value.is_null() && !value.is_uint64();
}

std::string redacted_url(const std::string& text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed || (!parsed->has_userinfo() && !parsed->has_query())) return text;
  // By hand, so that what is not secret stays as it was written.
  std::string out = text;
  if (const std::size_t query = out.find('?'); query != std::string::npos)
    out = out.substr(0, query + 1) + std::string(kRedacted);
  if (parsed->has_userinfo()) {
    const std::size_t start = out.find("://") + 3;
    out = out.substr(0, start) + std::string(kRedacted) + out.substr(out.find('@', start));
  }
  return out;
}

std::string toml_overrides(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& entry : list) {
    const std::size_t equals = entry.rfind('=');
    out += toml_string(std::string_view(entry).substr(0, equals)) + " = " +
           toml_string(std::string_view(entry).substr(equals + 1)) + '\n';
  }
  return out;
}

boost::json::value json_value(const SettingKey& key, const SettingValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (key.kind == KeyKind::filter && !text->empty()) return boost::json::parse(*text);
    return boost::json::string(*text);
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    if (key.kind != KeyKind::overrides) return boost::json::array(list->begin(), list->end());
    boost::json::object object;
    for (const std::string& entry : *list) {
      const std::size_t equals = entry.rfind('=');
      object[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
    return object;
  }
  return std::visit(
      [](const auto& plain) -> boost::json::value {
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(plain)>>) return plain;
        return nullptr;
      },
      value);
}

/// Calls `visit(key, section, index)` for every key of every section there is.
template <typename Visit>
void for_each_value(const Settings& settings, Visit visit) {
  const auto keys = setting_keys();
  for (std::size_t first = 0, last = 0; first < keys.size(); first = last) {
    while (last < keys.size() && keys[last].section() == keys[first].section()) ++last;
    const KeyGroup group = keys[first].group();
    for (std::size_t index = 0; index < group_size(settings, group); ++index) {
      const std::string section = group == KeyGroup::none ? std::string(keys[first].section())
                                                          : group_section(settings, group, index);
      for (const SettingKey& key : keys.subspan(first, last - first)) visit(key, section, index);
    }
  }
}

}  // namespace

std::string toml_string(std::string_view text) {
  if (!base::valid_utf8(text)) return toml_string(base::printable(text));
  return base::printable_json(base::json_string(text));
}

std::string toml_inline_table(std::string_view json) {
  boost::system::error_code error;
  const boost::json::value value =
      boost::json::parse(boost::json::string_view(json.data(), json.size()), error);
  std::string out;
  if (error || !value.is_object() || !append_inline(out, value)) return {};
  return out;
}

std::string toml_value(const SettingKey& key, const SettingValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (key.kind != KeyKind::filter || text->empty()) return toml_string(*text);
    const std::string table = toml_inline_table(*text);
    return table.empty() ? toml_string(*text) : table;
  }
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value)) {
    // 100 rather than 100.0: both are read, and the first is what people write.
    const std::string text = toml_number(*number);
    return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
  }
  std::string out = "[";
  for (const std::string& entry : std::get<std::vector<std::string>>(value)) {
    if (out.size() > 1) out += ", ";
    out += toml_string(entry);
  }
  return out + ']';
}

SettingValue redacted(const SettingKey& key, const SettingValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr || text->empty()) return value;
  if (key.secret) return std::string(kRedacted);
  return text->find("://") == std::string::npos ? value : SettingValue(redacted_url(*text));
}

bool holds_redaction(const SettingKey& key, const SettingValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && (key.secret || text->find("://") != std::string::npos) &&
         text->find(kRedacted) != std::string::npos;
}

std::string shortened(std::string text) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) continue;
    if (++characters > kShownCharacters) return text.substr(0, i) + "…";
  }
  return text;
}

std::string shown_value(const SettingKey& key, const SettingValue& value) {
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && key.secret)
    return fmt::format("({} bytes, not shown)", text->size());
  return shortened(toml_value(key, redacted(key, value)));
}

std::string print_settings(const Settings& settings) {
  std::string out;
  std::string open;
  for_each_value(settings, [&](const SettingKey& key, const std::string& section, std::size_t index) {
    const SettingValue value = key.get(settings, index, key);
    if (key.kind == KeyKind::overrides) {
      const auto& list = std::get<std::vector<std::string>>(value);
      if (!list.empty()) out += "\n[" + std::string(key.name) + "]\n" + toml_overrides(list);
      return;
    }
    // A filter that is not set has no form of its own in TOML: it is left out.
    if (key.kind == KeyKind::filter && std::get<std::string>(value).empty()) return;
    if (section != open) {
      open = section;
      if (!out.empty()) out += '\n';
      out += key.group() == KeyGroup::aws_key ? "[[auth.aws_keys]]\n" : '[' + section + "]\n";
    }
    out += std::string(key.leaf()) + " = " + toml_value(key, redacted(key, value)) + '\n';
  });
  return out;
}

std::string print_settings_json(const Settings& settings) {
  boost::json::object root;
  for_each_value(settings, [&](const SettingKey& key, const std::string& section, std::size_t index) {
    boost::json::object* at = &root;
    if (key.group() == KeyGroup::aws_key) {
      boost::json::object& auth = root["auth"].as_object();
      boost::json::value& list = auth["aws_keys"];
      if (list.is_null()) list.emplace_array();
      if (list.get_array().size() <= index) list.get_array().emplace_back(boost::json::object());
      at = &list.get_array()[index].get_object();
    } else {
      std::string_view rest = section;
      while (!rest.empty()) {
        const std::string_view part = rest.substr(0, rest.find('.'));
        rest.remove_prefix(std::min(rest.size(), part.size() + 1));
        boost::json::value& next = (*at)[boost::json::string_view(part.data(), part.size())];
        if (next.is_null()) next.emplace_object();
        at = &next.get_object();
      }
    }
    const SettingValue value = redacted(key, key.get(settings, index, key));
    const std::string_view leaf = key.leaf();
    (*at)[boost::json::string_view(leaf.data(), leaf.size())] = json_value(key, value);
  });
  return base::printable_json(boost::json::serialize(root));
}

}  // namespace carillon::server
