#pragma once

#include <string>

#include "ports/authenticator.hpp"

namespace carillon::server {

/// `--dev` beside a configured `[auth]`: tokens of the development key count, and the configured ones too.
class DevAuthenticator final : public ports::Authenticator {
 public:
  DevAuthenticator(ports::Authenticator& dev, ports::Authenticator& configured)
      : dev_(dev), configured_(configured) {}

  void authenticate(std::string_view token, ports::Completion<model::IdentityPtr> done) override {
    dev_.authenticate(token, [this, token = std::string(token),
                              done = std::move(done)](model::Result<model::IdentityPtr> identity) mutable {
      if (identity) return done(std::move(identity));
      configured_.authenticate(token, std::move(done));
    });
  }

 private:
  ports::Authenticator& dev_;
  ports::Authenticator& configured_;
};

}  // namespace carillon::server
