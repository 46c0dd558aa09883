#include "authorizer/upgrade_authorizer.hpp"

#include "authorizer/bearer.hpp"
#include "base/bytes.hpp"
#include "base/recorder.hpp"
#include "ports/authorization_counts.hpp"
#include "ports/open_span.hpp"

namespace carillon::authorizer {
namespace {

using Identified = model::Result<model::IdentityPtr>;

}  // namespace

struct UpgradeAuthorizer::Counts {
  using Door = ports::AuthorizationCounts<base::SharedCounter>;
  Door websocket;
  Door ticket;
  Door refresh;
};

class UpgradeAuthorizer::Refresh final : public ports::Authenticator {
 public:
  Refresh(ports::Authenticator& authenticator, std::shared_ptr<Counts> counts)
      : authenticator_(authenticator), counts_(std::move(counts)) {}

  void authenticate(std::string_view token, ports::Completion<model::IdentityPtr> done) override {
    authenticator_.authenticate(token, [counts = counts_, done = std::move(done)](Identified who) mutable {
      counts->refresh.count(who);
      done(std::move(who));
    });
  }

 private:
  ports::Authenticator& authenticator_;
  const std::shared_ptr<Counts> counts_;
};

UpgradeAuthorizer::UpgradeAuthorizer(ports::Authenticator& authenticator, TicketOffice& tickets, Clock clock,
                                     ports::Tracer* tracer)
    : authenticator_(authenticator),
      tickets_(tickets),
      clock_(std::move(clock)),
      tracer_(tracer),
      counts_(std::make_shared<Counts>()),
      refresh_(std::make_unique<Refresh>(authenticator, counts_)) {}

UpgradeAuthorizer::~UpgradeAuthorizer() = default;

void UpgradeAuthorizer::authorize(const ports::UpgradeRequest& request,
                                  ports::Completion<model::IdentityPtr> done) {
  const auto credential = credential_of_upgrade(request.http, request.subprotocols);
  const bool ticket = credential && credential->kind == Credential::Kind::ticket;
  auto decided = [counts = counts_, ticket, tracer = tracer_, trace = request.http.trace,
                  span = ports::OpenSpan::as(tracer_, "authorize", request.http.trace,
                                             tracer_ ? request.http.incoming_trace() : std::nullopt),
                  done = std::move(done)](Identified who) mutable {
    (ticket ? counts->ticket : counts->websocket).count(who);
    if (span && who) tracer->admit(*trace);
    // Who has no token leaves no span: nobody can fill the exporter.
    if (span && who && trace->recorded()) span.end(false);
    done(std::move(who));
  };
  if (!credential) return decided(std::unexpected(credential.error()));
  if (ticket) return decided(tickets_.redeem(credential->value, clock_()));
  authenticator_.authenticate(credential->value, std::move(decided));
}

ports::Authenticator& UpgradeAuthorizer::for_refresh() {
  return *refresh_;
}

void UpgradeAuthorizer::collect(ports::MetricSet& into) const {
  counts_->websocket.collect(into, "websocket");
  counts_->ticket.collect(into, "ticket");
  counts_->refresh.collect(into, "refresh");
}

ports::Route ticket_route(TicketOffice& office, UpgradeCheck check, Clock clock) {
  const auto sell = [&office, clock = std::move(clock)](const model::IdentityPtr& identity) {
    const auto ticket = office.issue(identity, clock());
    if (!ticket) return ports::HttpResponse::error(ticket.error());
    std::string body = "{\"ticket\":";
    base::append_json_string(body, ticket->value);
    body += ",\"expiresAt\":\"";
    base::append_iso8601(body, ticket->expires_at);
    body += "\"}";
    auto response = ports::HttpResponse::json(201, std::move(body));
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
  };
  const auto handle = [sell, check = std::move(check)](const ports::HttpRequest& request,
                                                       ports::HttpResponder respond) {
    if (!check) return respond(sell(request.identity));
    check(request, [sell, identity = request.identity,
                    respond = std::move(respond)](const model::Result<void>& allowed) mutable {
      respond(allowed ? sell(identity) : ports::HttpResponse::error(allowed.error()));
    });
  };
  return {.method = "POST", .path = "/tickets", .access = ports::Access::token, .handler = handle};
}

}  // namespace carillon::authorizer
