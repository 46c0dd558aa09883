#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace carillon::authorizer {

/// `[auth]` of the configuration (CONTRACT §3, §14), checked by server/settings.
struct Settings {
  std::string issuer;
  std::vector<std::string> audience;
  std::string jwks_url;  ///< empty: `<issuer>/.well-known/jwks.json`, unless jwks_file or hs256_secret is set
  std::string jwks_file;
  std::chrono::milliseconds jwks_max_stale{std::chrono::hours(24)};
  std::vector<std::string> algorithms{"RS256", "ES256"};
  std::string hs256_secret;  ///< at least 32 bytes; empty: HS256 is not accepted
  std::string user_claim = "sub";
  std::string org_claim = "custom:orgId";
  std::string hub_claim = "custom:hubId";
  std::string project_claim = "custom:projectId";
  std::chrono::seconds leeway{60};
};

}  // namespace carillon::authorizer
