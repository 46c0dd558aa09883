#include "authorizer/access_keys.hpp"

#include <utility>

#include "authorizer/privileges.hpp"
#include "authorizer/sigv4.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace carillon::authorizer {
namespace {

constexpr std::size_t kSecretBytes = 30;

/// The one Authorization value that is there.
model::Result<std::string_view> authorization_of(const ports::HttpRequest& request) {
  if (request.query_value("token"))
    return model::fail(model::errors::kUnauthorized, "a token in the URL is not accepted");
  const std::string* found = nullptr;
  for (const auto& [name, value] : request.headers) {
    if (name != "authorization") continue;
    if (found) return model::fail(model::errors::kBadSignature, "more than one Authorization header");
    found = &value;
  }
  if (!found) return model::fail(model::errors::kBadSignature, "a signature in the URL is not accepted");
  return *found;
}

}  // namespace

AccessKeys::AccessKeys(std::vector<AccessKey> keys, Clock clock)
    : clock_(std::move(clock)), nobodys_secret_(base::random_token(kSecretBytes)) {
  for (AccessKey& each : keys) {
    auto identity = std::make_shared<model::Identity>();
    identity->user = model::UserId(each.id);
    for (const std::string& scope : each.scopes) add_privilege(*identity, scope);
    keys_.push_back({std::move(each.id), std::move(each.secret), std::move(identity)});
  }
}

const AccessKeys::Known* AccessKeys::find(std::string_view id) const {
  const Known* found = nullptr;
  for (const Known& each : keys_)
    if (base::equal_constant_time(each.id, id)) found = &each;
  return found;
}

std::optional<model::Result<model::IdentityPtr>> AccessKeys::signer_of(
    const ports::HttpRequest& request) const {
  if (!carries_signature(request)) return std::nullopt;
  const auto value = authorization_of(request);
  if (!value) return std::unexpected(value.error());
  const auto header = parse_signature_header(*value);
  if (!header) return std::unexpected(header.error());
  const Known* const key = find(header->access_key_id);
  const auto good = check_signature(request, *header, key ? key->secret : nobodys_secret_, clock_().wall);
  if (!good) return std::unexpected(good.error());
  if (!key) return model::fail(model::errors::kBadSignature);
  return key->identity;
}

}  // namespace carillon::authorizer
