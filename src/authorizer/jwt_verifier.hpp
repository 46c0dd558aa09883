#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "authorizer/key_set.hpp"
#include "authorizer/settings.hpp"
#include "base/clock.hpp"
#include "model/identity.hpp"

namespace carillon::authorizer {

/// What a verification came to.
struct Verdict {
  model::Result<model::IdentityPtr> identity;
  /// Not empty when the token was refused only because the set has no key of this name: with a newer set it
  /// may be good.
  std::string unknown_kid;
};

/// Decides whether a token (JWS compact serialisation, RFC 7515, 7519, 8725) says who somebody is. Pure: the
/// time and the keys are arguments. Immutable; any thread. Source: CONTRACT §3; seed
/// architecture-overview-v2, authorizers.
class JwtVerifier {
 public:
  static constexpr std::size_t kMaxTokenBytes = 8192;

  /// `settings` as server/settings checks them. Throws std::runtime_error for an algorithm that does not
  /// exist and for an hs256_secret under 32 bytes.
  explicit JwtVerifier(Settings settings);

  /// `keys` may be null: no key set (yet). Errors: unauthorized, `details` saying why in a few words and
  /// never quoting the token; no_user_id.
  Verdict verify(std::string_view token, base::EpochMs now, const KeySet* keys) const;

 private:
  model::Result<model::IdentityPtr> read_claims(const boost::json::object& claims, base::EpochMs now) const;
  model::Result<base::EpochMs> check_times(const boost::json::object& claims, base::EpochMs now) const;
  bool for_us(const boost::json::object& claims) const;

  Settings settings_;
  AlgorithmSet accepted_;
};

}  // namespace carillon::authorizer
