#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ports/http.hpp"

namespace carillon::server {

/// `GET /health`: 200 while alive. `GET /ready`: 200, or 503 with what `not_ready` names (CONTRACT §12).
std::vector<ports::Route> health_routes(std::function<std::vector<std::string>()> not_ready);

}  // namespace carillon::server
