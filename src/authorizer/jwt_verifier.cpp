#include "authorizer/jwt_verifier.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <boost/json/array.hpp>

#include "authorizer/privileges.hpp"
#include "base/bytes.hpp"
#include "model/json.hpp"

namespace carillon::authorizer {
namespace {

using base::EpochMs;
using boost::json::object;
using model::Identity;
using model::errors::kNoUserId;
using model::errors::kUnauthorized;

constexpr std::size_t kMinSecretBytes = 32;
/// The end of the year 9999: whatever says it is later was not meant in seconds.
constexpr double kLastSecond = 253402300799.0;

auto refuse(std::string why) {
  return base::fail(kUnauthorized, std::move(why));
}

/// The three parts of a compact JWS, still encoded.
struct Parts {
  std::string_view signed_text;
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
};

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return std::nullopt;
  return Parts{token.substr(0, second), token.substr(0, first), token.substr(first + 1, second - first - 1),
               token.substr(second + 1)};
}

/// NumericDate of RFC 7519, in milliseconds.
std::optional<EpochMs> numeric_date(const boost::json::value& value) {
  double seconds = -1;
  if (const auto* number = value.if_int64()) seconds = static_cast<double>(*number);
  if (const auto* number = value.if_uint64()) seconds = static_cast<double>(*number);
  if (const auto* number = value.if_double()) seconds = *number;
  if (!(seconds >= 0 && seconds <= kLastSecond)) return std::nullopt;
  return static_cast<EpochMs>(std::floor(seconds * 1000));
}

/// Calls `visit` with the claim when it is a string, with each string of it when it is an array.
template <typename Visit>
void for_each_text(const object& claims, std::string_view name, Visit visit) {
  const auto* claim = claims.if_contains(name);
  if (claim == nullptr) return;
  if (const auto* text = claim->if_string()) visit(model::view(*text));
  if (const auto* list = claim->if_array())
    for (const auto& each : *list)
      if (const auto* text = each.if_string()) visit(model::view(*text));
}

void read_privileges(const object& claims, Identity& identity) {
  std::string_view scopes;
  if (const auto* text = model::string_member(claims, "scope")) scopes = model::view(*text);
  while (!scopes.empty()) {
    const std::size_t end = scopes.find(' ');
    add_privilege(identity, scopes.substr(0, end));
    scopes.remove_prefix(end == std::string_view::npos ? scopes.size() : end + 1);
  }
  for_each_text(claims, "cognito:groups", [&](std::string_view group) { add_privilege(identity, group); });
}

std::vector<std::string> read_memberships(const object& claims, const std::string& name) {
  std::vector<std::string> ids;
  if (name.empty()) return ids;
  for_each_text(claims, name, [&](std::string_view id) {
    if (base::valid_id(id) && std::ranges::find(ids, id) == ids.end()) ids.emplace_back(id);
  });
  return ids;
}

}  // namespace

JwtVerifier::JwtVerifier(Settings settings) : settings_(std::move(settings)) {
  for (const std::string& name : settings_.algorithms) {
    const auto algorithm = parse_algorithm(name);
    if (!algorithm || *algorithm == Algorithm::hs256)
      throw std::runtime_error("auth.algorithms: " + name + " is no algorithm of a JWKS key");
    accepted_.add(*algorithm);
  }
  if (settings_.hs256_secret.empty()) return;
  if (settings_.hs256_secret.size() < kMinSecretBytes)
    throw std::runtime_error("auth.hs256_secret: at least 32 bytes are needed");
  accepted_.add(Algorithm::hs256);
}

Verdict JwtVerifier::verify(std::string_view token, EpochMs now, const KeySet* keys) const {
  if (token.empty()) return {refuse("no token"), {}};
  if (token.size() > kMaxTokenBytes) return {refuse("token too large"), {}};
  const auto parts = split(token);
  if (!parts) return {refuse("malformed token"), {}};
  const auto header_text = base::base64url_decode(parts->header);
  const auto payload_text = base::base64url_decode(parts->payload);
  const auto signature = base::base64url_decode(parts->signature);
  if (!header_text || !payload_text || !signature) return {refuse("malformed token"), {}};
  const auto header = model::JsonDocument::parse(*header_text);
  if (!header) return {refuse("malformed token"), {}};
  if (header->object().contains("crit")) return {refuse("critical header not supported"), {}};
  const auto* name = model::string_member(header->object(), "alg");
  const auto algorithm = name ? parse_algorithm(model::view(*name)) : std::nullopt;
  if (!algorithm || !accepted_.has(*algorithm)) return {refuse("algorithm not accepted"), {}};
  if (*algorithm == Algorithm::hs256) {
    if (!base::equal_constant_time(base::hmac_sha256(settings_.hs256_secret, parts->signed_text), *signature))
      return {refuse("bad signature"), {}};
  } else {
    const auto* kid_text = model::string_member(header->object(), "kid");
    const std::string_view kid = kid_text ? model::view(*kid_text) : std::string_view();
    if (kid.empty() || kid.size() > KeySet::kMaxKeyIdBytes) return {refuse("no key id"), {}};
    if (keys == nullptr || !keys->has(kid)) return {refuse("unknown key"), std::string(kid)};
    EVP_PKEY* key = keys->find(kid, *algorithm);
    if (key == nullptr) return {refuse("algorithm not accepted for this key"), {}};
    if (!verify_signature(*algorithm, key, parts->signed_text, *signature))
      return {refuse("bad signature"), {}};
  }
  const auto claims = model::JsonDocument::parse(*payload_text);
  if (!claims) return {refuse("malformed token"), {}};
  return {read_claims(claims->object(), now), {}};
}

model::Result<model::IdentityPtr> JwtVerifier::read_claims(const object& claims, EpochMs now) const {
  const auto* issuer = model::string_member(claims, "iss");
  if (issuer == nullptr || model::view(*issuer) != settings_.issuer) return refuse("wrong issuer");
  if (!for_us(claims)) return refuse("wrong audience");
  if (claims.contains("token_use")) {
    const auto* use = model::string_member(claims, "token_use");
    if (use == nullptr || (*use != "access" && *use != "id")) return refuse("wrong token use");
  }
  const auto expires_at = check_times(claims, now);
  if (!expires_at) return std::unexpected(expires_at.error());
  const auto* user = model::string_member(claims, settings_.user_claim);
  if (user == nullptr) return base::fail(kNoUserId);
  if (!base::valid_id(model::view(*user))) return base::fail(kNoUserId, "the user claim is no valid id");
  auto identity = std::make_shared<Identity>();
  identity->user = model::UserId(model::view(*user));
  identity->expires_at = *expires_at;
  read_privileges(claims, *identity);
  identity->orgs = read_memberships(claims, settings_.org_claim);
  identity->hubs = read_memberships(claims, settings_.hub_claim);
  identity->projects = read_memberships(claims, settings_.project_claim);
  return identity;
}

bool JwtVerifier::for_us(const object& claims) const {
  const char* name = claims.contains("aud") ? "aud" : "client_id";
  const auto* claim = claims.if_contains(name);
  if (claim == nullptr || (claim->is_array() && std::string_view(name) != "aud")) return false;
  bool found = false;
  for_each_text(claims, name, [&](std::string_view each) {
    found = found || std::ranges::find(settings_.audience, each) != settings_.audience.end();
  });
  return found;
}

model::Result<EpochMs> JwtVerifier::check_times(const object& claims, EpochMs now) const {
  const EpochMs leeway = std::chrono::milliseconds(settings_.leeway).count();
  const auto* expiry = claims.if_contains("exp");
  if (expiry == nullptr) return refuse("no expiry");
  const auto expires_at = numeric_date(*expiry);
  if (!expires_at) return refuse("malformed expiry");
  if (now >= *expires_at + leeway) return refuse("token expired");
  if (const auto* start = claims.if_contains("nbf")) {
    const auto valid_from = numeric_date(*start);
    if (!valid_from) return refuse("malformed start time");
    if (now < *valid_from - leeway) return refuse("token not valid yet");
  }
  return *expires_at;
}

}  // namespace carillon::authorizer
