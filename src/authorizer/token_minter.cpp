#include "authorizer/token_minter.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "authorizer/jwt_verifier.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace carillon::authorizer {
namespace {

using base::fail;
using model::errors::kInvalidParameter;

constexpr std::chrono::hours kMaxLifetime{24 * 366 * 10};
constexpr std::array<std::string_view, 10> kOwnClaims{
    "iss", "aud", "exp", "nbf", "iat", "jti", "scope", "client_id", "token_use", "cognito:groups"};

void append_list(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  for (const std::string& each : texts) {
    if (out.back() != '[') out += ',';
    base::append_json_string(out, each);
  }
  out += ']';
}

void append_name(std::string& out, std::string_view name) {
  out += ',';
  base::append_json_string(out, name);
  out += ':';
}

/// What is wrong with the request, or nothing.
std::string problem(const Settings& settings, const TokenRequest& request) {
  if (settings.hs256_secret.empty()) return "auth.hs256_secret is not set, and only it can sign tokens";
  if (settings.audience.empty()) return "auth.audience is not set";
  if (!base::valid_id(request.user)) return "user: 1 to 256 characters, no comma and no control characters";
  if (request.lifetime.count() <= 0 || request.lifetime > kMaxLifetime) return "ttl: from 1s to ten years";
  for (const std::string& scope : request.scopes)
    if (scope.empty() || scope.find(' ') != std::string::npos || !base::valid_utf8(scope))
      return "scope: one word";
  for (const std::string& group : request.groups)
    if (group.empty() || !base::valid_utf8(group)) return "group: UTF-8 text";
  for (const auto& [name, value] : request.claims) {
    if (name.empty() || !base::valid_utf8(name) || !base::valid_utf8(value))
      return "claim: UTF-8 text, NAME=VALUE";
    if (name == settings.user_claim || std::ranges::find(kOwnClaims, name) != kOwnClaims.end())
      return "claim: " + name + " is set by the other options";
  }
  return {};
}

std::string claims_json(const Settings& settings, const TokenRequest& request, base::EpochMs now) {
  const std::int64_t issued_at = now / 1000;
  std::string out = "{\"iss\":";
  base::append_json_string(out, settings.issuer);
  append_name(out, "aud");
  base::append_json_string(out, settings.audience.front());
  append_name(out, settings.user_claim);
  base::append_json_string(out, request.user);
  out += ",\"iat\":" + std::to_string(issued_at);
  out += ",\"exp\":" + std::to_string(issued_at + request.lifetime.count());
  append_name(out, "jti");
  base::append_json_string(out, base::random_token(12));
  if (!request.scopes.empty()) {
    std::string scope;
    for (const std::string& each : request.scopes) scope += scope.empty() ? each : " " + each;
    append_name(out, "scope");
    base::append_json_string(out, scope);
  }
  if (!request.groups.empty()) {
    append_name(out, "cognito:groups");
    append_list(out, request.groups);
  }
  std::map<std::string_view, std::vector<std::string>> claims;
  for (const auto& [name, value] : request.claims) claims[name].push_back(value);
  for (const auto& [name, values] : claims) {
    append_name(out, name);
    if (values.size() == 1)
      base::append_json_string(out, values.front());
    else
      append_list(out, values);
  }
  out += '}';
  return out;
}

}  // namespace

model::Result<std::string> mint_token(const Settings& settings, const TokenRequest& request,
                                      base::EpochMs now) {
  if (std::string wrong = problem(settings, request); !wrong.empty())
    return fail(kInvalidParameter, std::move(wrong));
  std::string token = base::base64url_encode(R"({"alg":"HS256","typ":"JWT"})");
  token += '.';
  token += base::base64url_encode(claims_json(settings, request, now));
  const std::string signature = base::hmac_sha256(settings.hs256_secret, token);
  token += '.';
  token += base::base64url_encode(signature);
  if (token.size() > JwtVerifier::kMaxTokenBytes)
    return fail(kInvalidParameter, "the token would be too large");
  return token;
}

}  // namespace carillon::authorizer
