#pragma once

#include <vector>

#include "comments_api/comment_service.hpp"
#include "ports/http.hpp"

namespace carillon::comments_api {

/// `/api/v1/posts/{id}/comments`: who writes is answered with an acknowledgement; the comment itself comes
/// over the WebSocket. Handlers run on the loop of `comments`, which must outlive them. Source: seed
/// comments-realtime, Comments Integration.
std::vector<ports::Route> comment_routes(CommentService& comments, authorizer::Clock clock);

}  // namespace carillon::comments_api
