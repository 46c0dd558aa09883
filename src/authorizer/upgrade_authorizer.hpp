#pragma once

#include "authorizer/ticket_office.hpp"
#include "authorizer/time.hpp"
#include "ports/authenticator.hpp"
#include "ports/http.hpp"
#include "ports/websocket_handler.hpp"

namespace carillon::authorizer {

/// The seeds' websocket-authorizer: finds the token or ticket of an upgrade and says who is behind it. What
/// it refers to must outlive it. Any thread.
class UpgradeAuthorizer {
 public:
  UpgradeAuthorizer(ports::Authenticator& authenticator, TicketOffice& tickets, Clock clock = &system_time)
      : authenticator_(authenticator), tickets_(tickets), clock_(std::move(clock)) {}

  /// Errors: as Authenticator, and unauthorized for tickets.
  void authorize(const ports::UpgradeRequest& request, ports::Completion<model::IdentityPtr> done);

 private:
  ports::Authenticator& authenticator_;
  TicketOffice& tickets_;
  Clock clock_;
};

/// `POST /tickets` → 201 `{"ticket","expiresAt"}` (ISO 8601). `office` must outlive the route.
ports::Route ticket_route(TicketOffice& office, Clock clock = &system_time);

}  // namespace carillon::authorizer
