#pragma once

#include <string_view>

#include "model/identity.hpp"
#include "ports/completion.hpp"

namespace carillon::ports {

/// Turns a bearer token into an identity (CONTRACT §3).
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// Completes at once when the token or its key is known, later when a key set must be fetched first. Any
  /// thread. Errors: unauthorized with the reason in `details` (never the token), no_user_id, unavailable.
  virtual void authenticate(std::string_view token, Completion<model::IdentityPtr> done) = 0;
};

}  // namespace carillon::ports
