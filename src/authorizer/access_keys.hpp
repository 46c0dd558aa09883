#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authorizer/time.hpp"
#include "model/errors.hpp"
#include "model/identity.hpp"
#include "ports/http.hpp"

namespace carillon::authorizer {

/// An access key as `[[auth.aws_keys]]` has it.
struct AccessKey {
  std::string id;
  std::string secret;
  std::vector<std::string> scopes;
};

/// Says who signed a request with AWS Signature Version 4 (CONTRACT §12). The identity's user is the access
/// key's id; it has no expiry, as it stands for one request only. Immutable, any thread.
class AccessKeys {
 public:
  explicit AccessKeys(std::vector<AccessKey> keys, Clock clock = &system_time);

  /// Nothing when the request is not signed. Takes no longer for an id that it knows than for others. Errors:
  /// bad_signature, unauthorized when there is a token in the URL as well.
  std::optional<model::Result<model::IdentityPtr>> signer_of(const ports::HttpRequest& request) const;

 private:
  struct Known {
    std::string id;
    std::string secret;
    model::IdentityPtr identity;
  };
  const Known* find(std::string_view id) const;

  std::vector<Known> keys_;
  Clock clock_;
  std::string nobodys_secret_;
};

}  // namespace carillon::authorizer
