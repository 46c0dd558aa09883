#pragma once

#include <string>
#include <vector>

#include "comments_api/comment_service.hpp"
#include "comments_api/seen_connections.hpp"
#include "comments_api/websocket_service.hpp"
#include "ports/http.hpp"

namespace carillon::comments_api {

/// What the routes below work on, all on one loop, which must outlive them.
struct WebSocketRooms {
  CommentService& comments;
  WebSocketService& websocket;
  SeenConnections& seen;
};

/// `POST /websocket/connect` and `/websocket/disconnect` take Carillon's connection events, signed with
/// `events_key` (Standard Webhooks; none are taken when it is empty). `GET /websocket/connections` counts
/// connections, `POST /websocket/test` broadcasts a `test`, `GET /health` tells that the service is alive and
/// how its broadcasts fare. Source: seed comments-realtime, API Routes (websocket.py).
std::vector<ports::Route> websocket_routes(WebSocketRooms rooms, std::string events_key,
                                           authorizer::Clock clock);

}  // namespace carillon::comments_api
