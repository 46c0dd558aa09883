#include "comments_api/websocket_routes.hpp"

#include "base/log.hpp"
#include "comments_api/requests.hpp"
#include "model/json.hpp"
#include "outbound/standard_webhooks.hpp"

namespace carillon::comments_api {
namespace {

using model::fail;
using ports::Access;
using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;
using Event = SeenConnections::Event;
namespace errors = model::errors;

HttpResponse message(int status, std::string_view text) {
  return HttpResponse::json(status, "{\"message\":\"" + std::string(text) + "\"}");
}

/// The connection that the event is about.
model::Result<std::string> connection_of(const HttpRequest& request, const std::string& key, const char* type,
                                         base::EpochMs now) {
  if (key.empty()) return fail(errors::kUnauthorized, "APP_EVENTS_SECRET is not set");
  const outbound::WebhookProof proof{request.header("webhook-id"), request.header("webhook-timestamp"),
                                     request.header("webhook-signature")};
  if (!outbound::verify_webhook(key, proof, now, request.body))
    return fail(errors::kUnauthorized, "the signature is missing, wrong or too old");
  const auto document = model::JsonDocument::parse(request.body, errors::kInvalidParameter);
  if (!document) return std::unexpected(document.error());
  const auto* named = model::string_member(document->object(), "type");
  const auto* connection = model::string_member(document->object(), "connectionId");
  if (!named || model::view(*named) != type)
    return fail(errors::kInvalidParameter, std::string("type must be ") + type);
  if (!connection || !base::valid_id(model::view(*connection)))
    return fail(errors::kInvalidParameter, "connectionId must be an id");
  return std::string(model::view(*connection));
}

ports::HttpHandler take_event(SeenConnections& seen, Event event, std::string key, authorizer::Clock clock) {
  return [&seen, event, key = std::move(key), clock = std::move(clock)](HttpRequest request,
                                                                        HttpResponder respond) {
    const authorizer::Time now = clock();
    const auto connection =
        connection_of(request, key, event == Event::connect ? "connect" : "disconnect", now.wall);
    if (!connection) return respond(HttpResponse::error(connection.error()));
    const bool fresh = seen.take(request.header("webhook-id"), event, *connection, now.monotonic);
    respond(message(200, fresh ? "Event taken" : "Event known"));
  };
}

ports::HttpHandler count_connections(WebSocketService& websocket, SeenConnections& seen,
                                     authorizer::Clock clock) {
  return [&websocket, &seen, clock = std::move(clock)](HttpRequest, HttpResponder respond) {
    websocket.count_connections([&seen, clock,
                                 respond = std::move(respond)](base::Result<std::uint64_t> count) mutable {
      if (!count) return respond(HttpResponse::error(count.error()));
      respond(HttpResponse::json(200, "{\"status\":\"healthy\",\"count\":" + std::to_string(*count) +
                                          ",\"seen\":" + std::to_string(seen.open(clock().monotonic)) + "}"));
    });
  };
}

ports::HttpHandler announce_test(CommentService& comments, authorizer::Clock clock) {
  return [&comments, clock = std::move(clock)](HttpRequest request, HttpResponder respond) {
    const auto text = body_text(request, "message", comment_store::valid_content,
                                "message must be a text of 1 to 10000 characters");
    if (!text) return respond(HttpResponse::error(text.error()));
    const auto announced = comments.announce_test(request.identity->user, *text, clock());
    respond(announced ? message(202, "Test message on its way") : HttpResponse::error(announced.error()));
  };
}

ports::HttpHandler tell_health(const WebSocketService& websocket) {
  return [&websocket](HttpRequest, HttpResponder respond) {
    const auto& figures = websocket.figures();
    respond(HttpResponse::json(
        200, "{\"status\":\"healthy\",\"broadcasts\":{\"sent\":" + std::to_string(figures.sent) +
                 ",\"failed\":" + std::to_string(figures.failed) +
                 ",\"dropped\":" + std::to_string(figures.dropped) +
                 ",\"waiting\":" + std::to_string(websocket.waiting()) + "}}"));
  };
}

}  // namespace

std::vector<ports::Route> websocket_routes(WebSocketRooms rooms, std::string events_key,
                                           authorizer::Clock clock) {
  return {
      {"POST", "/websocket/connect", Access::open, take_event(rooms.seen, Event::connect, events_key, clock)},
      {"POST", "/websocket/disconnect", Access::open,
       take_event(rooms.seen, Event::disconnect, events_key, clock)},
      {"GET", "/websocket/connections", Access::open, count_connections(rooms.websocket, rooms.seen, clock)},
      {"POST", "/websocket/test", Access::token, announce_test(rooms.comments, clock)},
      {"GET", "/health", Access::open, tell_health(rooms.websocket)}};
}

}  // namespace carillon::comments_api
