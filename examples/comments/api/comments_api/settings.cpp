#include "comments_api/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include <boost/url/parse.hpp>

#include "gateway/origin_policy.hpp"
#include "outbound/address_rules.hpp"
#include "outbound/standard_webhooks.hpp"

namespace carillon::comments_api {
namespace {

constexpr std::size_t kMinSecretBytes = 32;
using Problem = std::optional<std::string>;

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

Problem check_listen(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos || !is_port(std::string_view(listen).substr(colon + 1)))
    return "APP_LISTEN must be HOST:PORT";
  if (!outbound::names_loopback(std::string_view(listen).substr(0, colon)))
    return "APP_LISTEN must be an address of this machine only (127.0.0.1, [::1], localhost): this example "
           "signs "
           "anybody in as anybody";
  return {};
}

Problem check_endpoint(std::string& endpoint) {
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const auto url = boost::urls::parse_uri(endpoint);
  const bool http = url && (url->scheme() == "http" || url->scheme() == "https");
  if (!http || url->host().empty() || url->has_query() || url->has_fragment() || url->has_userinfo())
    return "APP_SERVERLESS_WEBSOCKET_ENDPOINT must be http:// or https:// with a host, without query and "
           "user";
  if (url->scheme() == "http" && !outbound::names_loopback(std::string(url->encoded_host())))
    return "APP_SERVERLESS_WEBSOCKET_ENDPOINT must be https:// unless it is on this machine, as a token goes "
           "there";
  return {};
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (end > 0) parts.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return parts;
}

Problem check_origins(const std::vector<std::string>& origins) {
  if (std::ranges::all_of(origins, [](const auto& each) { return gateway::parse_origin(each).has_value(); }))
    return {};
  return "APP_ALLOWED_ORIGINS must be origins such as http://localhost:3000, between commas";
}

Problem check_tokens(const authorizer::Settings& tokens) {
  if (tokens.hs256_secret.size() < kMinSecretBytes)
    return "APP_TOKEN_SECRET must be set to Carillon's hs256_secret, 32 bytes at least";
  if (tokens.issuer.empty()) return "APP_TOKEN_ISSUER must be set to Carillon's issuer";
  if (tokens.audience.front().empty()) return "APP_TOKEN_AUDIENCE must be set to Carillon's audience";
  return {};
}

}  // namespace

std::expected<Settings, std::string> read_settings(const Environment& environment) {
  Settings settings;
  const auto value = [&](const char* name, std::string otherwise) {
    return environment(name).value_or(std::move(otherwise));
  };
  settings.listen = value("APP_LISTEN", settings.listen);
  settings.data = value("APP_DATA", settings.data.string());
  settings.endpoint = value("APP_SERVERLESS_WEBSOCKET_ENDPOINT", settings.endpoint);
  if (const auto origins = environment("APP_ALLOWED_ORIGINS")) settings.allowed_origins = split(*origins);
  settings.tokens.hs256_secret = value("APP_TOKEN_SECRET", {});
  settings.tokens.issuer = value("APP_TOKEN_ISSUER", {});
  settings.tokens.audience = {value("APP_TOKEN_AUDIENCE", {})};
  if (const auto secret = value("APP_EVENTS_SECRET", {}); !secret.empty()) {
    auto key = outbound::webhook_key(secret);
    if (!key) return std::unexpected("APP_EVENTS_SECRET must be whsec_ and base64, or another text");
    settings.events_key = std::move(*key);
  }
  if (settings.data.empty()) return std::unexpected("APP_DATA must name a directory");
  for (const Problem& problem :
       std::array{check_listen(settings.listen), check_endpoint(settings.endpoint),
                  check_origins(settings.allowed_origins), check_tokens(settings.tokens)})
    if (problem) return std::unexpected(*problem);
  return settings;
}

}  // namespace carillon::comments_api
