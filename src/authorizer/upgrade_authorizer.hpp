#pragma once

#include <functional>
#include <memory>

#include "authorizer/ticket_office.hpp"
#include "authorizer/time.hpp"
#include "ports/authenticator.hpp"
#include "ports/http.hpp"
#include "ports/metric_set.hpp"
#include "ports/tracer.hpp"
#include "ports/websocket_handler.hpp"

namespace carillon::authorizer {

/// The seeds' websocket-authorizer: finds the token or ticket of an upgrade and says who is behind it. What
/// it refers to must outlive it. Any thread. Its figures: every decision, by `via` websocket, ticket and
/// refresh.
class UpgradeAuthorizer final : public ports::MetricSource {
 public:
  /// `tracer` gets a span `authorize` for each upgrade of a sampled trace; null: none.
  UpgradeAuthorizer(ports::Authenticator& authenticator, TicketOffice& tickets, Clock clock = &system_time,
                    ports::Tracer* tracer = nullptr);
  ~UpgradeAuthorizer() override;

  /// Errors: as Authenticator, and unauthorized for tickets.
  void authorize(const ports::UpgradeRequest& request, ports::Completion<model::IdentityPtr> done);
  /// The same authenticator, for tokens that come in a frame `refreshToken`.
  ports::Authenticator& for_refresh();

  void collect(ports::MetricSet& into) const override;

 private:
  struct Counts;
  class Refresh;

  ports::Authenticator& authenticator_;
  TicketOffice& tickets_;
  Clock clock_;
  ports::Tracer* tracer_;
  std::shared_ptr<Counts> counts_;  ///< with those who wait for keys as well
  std::unique_ptr<Refresh> refresh_;
};

/// Whether an upgrade with the query and the identity of a request would be let in.
using UpgradeCheck = std::function<void(const ports::HttpRequest&, ports::Completion<void>)>;

/// `POST /tickets` → 201 `{"ticket","expiresAt"}` (ISO 8601), after `check` has passed: a browser cannot read
/// why its upgrade was refused, but this answer. Empty: all are sold one. `office` must outlive the route.
ports::Route ticket_route(TicketOffice& office, UpgradeCheck check = nullptr, Clock clock = &system_time);

}  // namespace carillon::authorizer
