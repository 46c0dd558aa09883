#include "authorizer/upgrade_authorizer.hpp"

#include "authorizer/bearer.hpp"
#include "base/bytes.hpp"

namespace carillon::authorizer {

void UpgradeAuthorizer::authorize(const ports::UpgradeRequest& request,
                                  ports::Completion<model::IdentityPtr> done) {
  const auto credential = credential_of_upgrade(request.http, request.subprotocols);
  if (!credential) return done(std::unexpected(credential.error()));
  if (credential->kind == Credential::Kind::ticket) return done(tickets_.redeem(credential->value, clock_()));
  authenticator_.authenticate(credential->value, std::move(done));
}

ports::Route ticket_route(TicketOffice& office, Clock clock) {
  const auto handle = [&office, clock = std::move(clock)](ports::HttpRequest request,
                                                          ports::HttpResponder respond) {
    const auto ticket = office.issue(request.identity, clock());
    if (!ticket) return respond(ports::HttpResponse::error(ticket.error()));
    std::string body = "{\"ticket\":";
    base::append_json_string(body, ticket->value);
    body += ",\"expiresAt\":\"";
    base::append_iso8601(body, ticket->expires_at);
    body += "\"}";
    auto response = ports::HttpResponse::json(201, std::move(body));
    response.headers.emplace_back("Cache-Control", "no-store");
    respond(std::move(response));
  };
  return {.method = "POST", .path = "/tickets", .access = ports::Access::token, .handler = handle};
}

}  // namespace carillon::authorizer
