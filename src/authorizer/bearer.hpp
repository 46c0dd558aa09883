#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/errors.hpp"
#include "ports/http.hpp"

namespace carillon::authorizer {

/// The subprotocol whose entry `bearer.<token>` stands beside.
inline constexpr std::string_view kBearerProtocolPrefix = "bearer.";

/// The token of a request that is no upgrade: `Authorization: Bearer`. Pure. Errors: unauthorized, when there
/// is none, more than one, or any in the URL.
model::Result<std::string> bearer_of_request(const ports::HttpRequest& request);

/// What an upgrade shows to be let in.
struct Credential {
  enum class Kind { token, ticket };
  Kind kind = Kind::token;
  std::string value;
};

/// The credential of a WebSocket upgrade: `?token=`, `Authorization: Bearer`, a subprotocol entry
/// `bearer.<token>`, or `?ticket=`. The same one may come twice. Pure. Errors: unauthorized, when there is
/// none or different ones.
model::Result<Credential> credential_of_upgrade(const ports::HttpRequest& request,
                                                const std::vector<std::string>& subprotocols);

}  // namespace carillon::authorizer
