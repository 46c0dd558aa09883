// Who sent a request of an HttpSession: a bearer token, or an access key's signature.
#include <utility>

#include "base/bytes.hpp"
#include "gateway/gateway_loop.hpp"
#include "gateway/http_session.hpp"

namespace carillon::gateway {
namespace {

constexpr std::chrono::seconds kTokenRemembered{30};

}  // namespace

void HttpSession::authenticate(Held held) {
  GatewayLoop& loop = connection_->loop();
  const std::string_view given = held.request.header("authorization");
  // What was verified a moment ago on this connection need not be again. A token in the query is refused by
  // token_of, so such a request never takes this way.
  const bool known = identity_ && !given.empty() && held.request.query.find("token=") == std::string::npos &&
                     base::equal_constant_time(given, authorization_) &&
                     loop.now() - verified_at_ < kTokenRemembered &&
                     identity_->expires_at > loop.front().timing.wall();
  const Services& services = *loop.front().services;
  if (services.tracer && held.request.trace)
    held.span = held.route->traced ? ports::OpenSpan::below(services.tracer, "authorize", held.request.trace)
                                   : ports::OpenSpan::as(services.tracer, "authorize", held.request.trace,
                                                         held.request.incoming_trace());
  if (held.route->access == ports::Access::token_or_signature && services.signed_identity)
    if (auto signer = services.signed_identity(held.request))
      return on_signer(std::move(held), std::move(*signer));
  if (known) {
    loop.figures().authorizations.count(identity_);
    return authorized(std::move(held), identity_);
  }
  const auto token = services.token_of(held.request);
  if (!token) return on_identity(std::move(held), std::unexpected(token.error()));
  authenticating_ = true;
  services.authenticator.authenticate(
      *token, [keep = loop.shared_from_this(), weak = weak_from_this(),
               held = std::move(held)](base::Result<model::IdentityPtr> identity) mutable {
        keep->run([weak = std::move(weak), held = std::move(held), identity = std::move(identity)]() mutable {
          if (const auto session = weak.lock()) session->on_identity(std::move(held), std::move(identity));
        });
      });
}

/// Nothing of it is remembered: a signature is good for its own request only.
void HttpSession::on_signer(Held held, base::Result<model::IdentityPtr> signer) {
  connection_->loop().figures().authorizations.count(signer);
  if (!signer) return answer(held.number, signer.error());
  authorized(std::move(held), std::move(*signer));
}

void HttpSession::on_identity(Held held, base::Result<model::IdentityPtr> identity) {
  if (!connection_) return;
  const auto alive = shared_from_this();
  authenticating_ = false;
  connection_->loop().figures().authorizations.count(identity);
  if (identity) {
    authorization_ = held.request.header("authorization");
    identity_ = *identity;
    verified_at_ = connection_->loop().now();
    authorized(std::move(held), std::move(*identity));
  } else {
    answer(held.number, identity.error());
  }
  proceed();
}

/// Only who has a token leaves spans: nobody else can fill the exporter.
void HttpSession::authorized(Held held, model::IdentityPtr identity) {
  if (held.span && held.request.incoming_trace()) front().services->tracer->admit(*held.request.trace);
  if (held.span && held.request.trace->recorded()) held.span.end(false);
  held.request.identity = std::move(identity);
  hand_over(std::move(held));
}

}  // namespace carillon::gateway
