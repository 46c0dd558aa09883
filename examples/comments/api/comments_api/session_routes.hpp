#pragma once

#include <vector>

#include "authorizer/settings.hpp"
#include "authorizer/time.hpp"
#include "ports/http.hpp"

namespace carillon::comments_api {

/// `POST /api/v1/session {"userId"}`: a token of an hour for whoever says so. For a demo on one machine: it
/// asks for no password, and anybody can be anybody. A real application puts its own sign-in here.
std::vector<ports::Route> session_routes(authorizer::Settings tokens, authorizer::Clock clock);

}  // namespace carillon::comments_api
