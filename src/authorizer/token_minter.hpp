#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "authorizer/settings.hpp"
#include "base/clock.hpp"
#include "model/errors.hpp"

namespace carillon::authorizer {

/// What `carillon token` puts into a token.
struct TokenRequest {
  std::string user;
  std::vector<std::string> scopes;
  std::vector<std::string> groups;
  /// Further claims; a name that comes more than once becomes a list.
  std::vector<std::pair<std::string, std::string>> claims;
  std::chrono::seconds lifetime{3600};
};

/// An HS256 token that a server with these settings accepts: signed with `hs256_secret`, for the first
/// audience. Pure but for the token's random `jti`. Errors: invalid_parameter, `details` naming what cannot
/// be: the user, a claim, the lifetime, a token over the verifier's bound, settings without a secret.
model::Result<std::string> mint_token(const Settings& settings, const TokenRequest& request,
                                      base::EpochMs now);

}  // namespace carillon::authorizer
