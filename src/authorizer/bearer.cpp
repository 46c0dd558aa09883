#include "authorizer/bearer.hpp"

#include <algorithm>
#include <utility>

namespace carillon::authorizer {
namespace {

using base::fail;
using model::errors::kUnauthorized;

constexpr std::string_view kScheme = "bearer";

/// The token of one `Authorization` value (RFC 6750 §2.1); empty when it is of another scheme.
std::string_view bearer_token(std::string_view value) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  if (value.size() <= kScheme.size() || value[kScheme.size()] != ' ' ||
      !std::ranges::equal(value.substr(0, kScheme.size()), kScheme, {}, lower))
    return {};
  value.remove_prefix(std::min(value.find_first_not_of(' ', kScheme.size()), value.size()));
  while (value.ends_with(' ')) value.remove_suffix(1);
  return value;
}

std::vector<std::string_view> authorization_tokens(const ports::HttpRequest& request) {
  std::vector<std::string_view> found;
  for (const auto& [name, value] : request.headers)
    if (name == "authorization")
      if (const std::string_view token = bearer_token(value); !token.empty()) found.push_back(token);
  return found;
}

}  // namespace

model::Result<std::string> bearer_of_request(const ports::HttpRequest& request) {
  if (request.query_value("token")) return fail(kUnauthorized, "a token in the URL is not accepted");
  const auto tokens = authorization_tokens(request);
  if (tokens.empty()) return fail(kUnauthorized, "no bearer token");
  if (std::ranges::adjacent_find(tokens, std::ranges::not_equal_to()) != tokens.end())
    return fail(kUnauthorized, "more than one token");
  return std::string(tokens.front());
}

model::Result<Credential> credential_of_upgrade(const ports::HttpRequest& request,
                                                const std::vector<std::string>& subprotocols) {
  std::vector<Credential> found;
  const auto add = [&](Credential::Kind kind, std::string value) {
    const bool known = std::ranges::any_of(
        found, [&](const Credential& each) { return each.kind == kind && each.value == value; });
    if (!value.empty() && !known) found.push_back({kind, std::move(value)});
  };
  for (std::string& each : request.query_values("token")) add(Credential::Kind::token, std::move(each));
  for (const std::string_view each : authorization_tokens(request))
    add(Credential::Kind::token, std::string(each));
  for (const std::string& each : subprotocols)
    if (each.starts_with(kBearerProtocolPrefix))
      add(Credential::Kind::token, each.substr(kBearerProtocolPrefix.size()));
  for (std::string& each : request.query_values("ticket")) add(Credential::Kind::ticket, std::move(each));
  if (found.empty()) return fail(kUnauthorized, "no token");
  if (found.size() > 1) return fail(kUnauthorized, "more than one credential");
  return std::move(found.front());
}

}  // namespace carillon::authorizer
