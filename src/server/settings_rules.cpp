#include "server/settings_rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "model/json.hpp"
#include "outbound/standard_webhooks.hpp"

namespace carillon::server {
namespace {

constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxEntries = 1000;
constexpr std::size_t kMaxPrefix = 256;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// 1 to `max` letters, digits and characters of `others`.
bool consists_of(std::string_view text, std::size_t max, std::string_view others) {
  return !text.empty() && text.size() <= max && std::ranges::all_of(text, [&](char c) {
    return is_letter(c) || is_digit(c) || others.find(c) != std::string_view::npos;
  });
}

bool clean(std::string_view text) {
  return base::valid_utf8(text) &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool valid_port(std::string_view text) {
  const auto port = parse_number<std::uint32_t>(text);
  return port && *port <= 65535 && text.size() <= 5;
}

bool takes_text(const SettingKey& key, const std::string& text) {
  if (text.empty()) return key.may_be_empty;
  if (text.size() > kMaxText || !clean(text)) return false;
  switch (key.kind) {
    case KeyKind::listen:
      return parse_listen(text).has_value();
    case KeyKind::url:
      return valid_url(text);
    case KeyKind::choice:
      return std::ranges::find(key.choices, std::string_view(text)) != key.choices.end();
    case KeyKind::duration: {
      const auto duration = base::parse_duration(text);
      return duration && duration->count() >= key.min && duration->count() <= key.max;
    }
    case KeyKind::text:
      return key.valid == nullptr || key.valid(text);
    default:
      return false;
  }
}

bool takes_override(const SettingKey& key, const std::string& entry) {
  const std::size_t equals = entry.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals > kMaxPrefix || !clean(entry)) return false;
  const auto duration = base::parse_duration(std::string_view(entry).substr(equals + 1));
  return duration && duration->count() >= key.min && duration->count() <= key.max;
}

bool takes_list(const SettingKey& key, const std::vector<std::string>& list) {
  return list.size() <= kMaxEntries && std::ranges::all_of(list, [&](const std::string& entry) {
           if (key.kind == KeyKind::overrides) return takes_override(key, entry);
           return !entry.empty() && entry.size() <= kMaxUrl && clean(entry) &&
                  (key.valid == nullptr || key.valid(entry));
         });
}

bool is_list(KeyKind kind) {
  return kind == KeyKind::text_list || kind == KeyKind::text_or_list || kind == KeyKind::overrides;
}

std::string bound(const SettingKey& key, double value) {
  if (key.kind == KeyKind::duration || key.kind == KeyKind::overrides)
    return base::format_duration(std::chrono::milliseconds(static_cast<std::int64_t>(value)));
  return key.kind == KeyKind::integer ? fmt::format("{}", static_cast<std::int64_t>(value))
                                      : fmt::format("{:.16g}", value);
}

}  // namespace

bool valid_origin(std::string_view text) {
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || !is_letter(text[0])) return false;
  if (!consists_of(text.substr(0, scheme_end), 64, "+.-")) return false;
  std::string_view host = text.substr(scheme_end + 3);
  std::size_t colon = host.rfind(':');
  if (host.starts_with('[')) {
    const std::size_t bracket = host.find(']');
    if (bracket == std::string_view::npos) return false;
    boost::system::error_code error;
    boost::asio::ip::make_address_v6(std::string(host.substr(1, bracket - 1)), error);
    if (error) return false;
    if (bracket + 1 == host.size()) return true;
    return host[bracket + 1] == ':' && valid_port(host.substr(bracket + 2));
  }
  if (colon != std::string_view::npos && !valid_port(host.substr(colon + 1))) return false;
  return consists_of(host.substr(0, colon), 253, ".-_");
}

bool valid_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(text.substr(0, slash)), error);
  if (error || text.find('%') != std::string_view::npos) return false;
  if (slash == std::string_view::npos) return true;
  const auto prefix = parse_number<unsigned>(text.substr(slash + 1));
  return prefix && *prefix <= (address.is_v4() ? 32u : 128u);
}

bool valid_url(std::string_view text) {
  if (text.size() > kMaxUrl) return false;
  const auto url = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  if (!url || url->has_fragment() || url->host().empty()) return false;
  if (url->has_port() && (!valid_port(std::string_view(url->port())) || url->port_number() == 0))
    return false;
  // Boost 1.81 reads `http://127.0.0.1.example` as the host 127.0.0.1 and the path `.example`.
  if (!url->encoded_path().empty() && !url->encoded_path().starts_with('/')) return false;
  return url->scheme_id() == boost::urls::scheme::http || url->scheme_id() == boost::urls::scheme::https;
}

bool valid_secure_url(std::string_view text) {
  if (!valid_url(text)) return false;
  const boost::urls::url_view url =
      *boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  if (url.has_userinfo()) return false;
  return url.scheme_id() == boost::urls::scheme::https || is_loopback(url.host_address());
}

bool valid_setting_name(std::string_view text) {
  return !text.empty() && is_letter(text[0]) && consists_of(text, 64, "-_");
}

bool valid_stage(std::string_view text) {
  static constexpr std::array<std::string_view, 17> kPaths{
      "api",      "broadcast", "connections", "dashboard",   "echo",    "health",
      "messages", "metrics",   "presence",    "permissions", "publish", "queues",
      "ready",    "tickets",   "try",         "websocket",   "ws"};
  return consists_of(text, 64, "-_") && std::ranges::find(kPaths, text) == kPaths.end();
}

bool valid_algorithm(std::string_view text) {
  if (text.size() != 5) return false;
  const std::string_view family = text.substr(0, 2);
  const std::string_view bits = text.substr(2);
  return (family == "RS" || family == "PS" || family == "ES") &&
         (bits == "256" || bits == "384" || bits == "512");
}

bool valid_scope(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

bool valid_access_key_id(std::string_view text) {
  return consists_of(text, 128, "_");
}

bool valid_webhook_secret(std::string_view text) {
  return outbound::webhook_key(text).has_value();
}

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  return !error && address.is_loopback();
}

std::optional<ListenAddress> parse_listen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !valid_port(text.substr(colon + 1))) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host != "localhost") {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(std::string(host), error);
    if (error || address.is_v6() != bracketed) return std::nullopt;
  }
  return ListenAddress{std::string(host),
                       static_cast<std::uint16_t>(*parse_number<std::uint32_t>(text.substr(colon + 1)))};
}

std::string allowed_text(const SettingKey& key) {
  if (!key.allowed.empty()) return std::string(key.allowed);
  switch (key.kind) {
    case KeyKind::listen:
      return "ADDRESS:PORT such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"localhost:8080\"";
    case KeyKind::url:
      return "an http:// or https:// URL with a host and without fragment, at most 2048 bytes";
    case KeyKind::choice: {
      std::string text = key.choices.size() == 1 ? "" : "one of ";
      for (const std::string_view choice : key.choices)
        text += (choice == key.choices.front() ? "\"" : ", \"") + std::string(choice) + '"';
      return text;
    }
    case KeyKind::integer:
      return "an integer from " + bound(key, key.min) + " to " + bound(key, key.max);
    case KeyKind::number:
      return "a number from " + bound(key, key.min) + " to " + bound(key, key.max);
    case KeyKind::boolean:
      return "true or false";
    case KeyKind::duration:
      return "a duration from \"" + bound(key, key.min) + "\" to \"" + bound(key, key.max) +
             "\": a whole number and ms, s, m, h or d";
    case KeyKind::text_list:
    case KeyKind::text_or_list:
      return "a string or a list of strings, none of them empty or with control characters";
    case KeyKind::overrides:
      return "a table of chat id prefixes and durations from \"" + bound(key, key.min) + "\" to \"" +
             bound(key, key.max) + "\" such as { \"support-\" = \"7d\" }";
    case KeyKind::filter:
      return "a filter policy such as { targetChannel = [\"Email\"] }";
    case KeyKind::text:
      break;
  }
  return fmt::format("a string of 1 to {} bytes without control characters", kMaxText);
}

bool takes(const SettingKey& key, const SettingValue& value) {
  switch (key.kind) {
    case KeyKind::integer: {
      const auto* number = std::get_if<std::int64_t>(&value);
      return number != nullptr && static_cast<double>(*number) >= key.min &&
             static_cast<double>(*number) <= key.max;
    }
    case KeyKind::number: {
      const auto* number = std::get_if<double>(&value);
      return number != nullptr && *number >= key.min && *number <= key.max;
    }
    case KeyKind::boolean:
      return std::holds_alternative<bool>(value);
    case KeyKind::filter: {
      const auto* json = std::get_if<std::string>(&value);
      if (json == nullptr) return false;
      if (json->empty()) return true;
      return json->size() <= 65536 && model::JsonDocument::parse(*json).has_value() &&
             !toml_inline_table(*json).empty();
    }
    default:
      break;
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(&value))
    return is_list(key.kind) && takes_list(key, *list);
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && !is_list(key.kind) && takes_text(key, *text);
}

std::optional<SettingValue> parse_value(const SettingKey& key, std::string_view text) {
  if (key.kind == KeyKind::integer) {
    if (const auto number = parse_number<std::int64_t>(text)) return *number;
    return std::nullopt;
  }
  if (key.kind == KeyKind::number) {
    if (const auto number = parse_number<double>(text)) return *number;
    return std::nullopt;
  }
  if (key.kind == KeyKind::boolean) {
    if (text != "true" && text != "false") return std::nullopt;
    return text == "true";
  }
  if (!is_list(key.kind)) return std::string(text);
  std::vector<std::string> list;
  while (!text.empty()) {
    std::string_view entry = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    while (entry.starts_with(' ')) entry.remove_prefix(1);
    while (entry.ends_with(' ')) entry.remove_suffix(1);
    list.emplace_back(entry);
  }
  return list;
}

}  // namespace carillon::server
