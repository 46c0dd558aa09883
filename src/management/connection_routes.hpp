#pragma once

#include <vector>

#include "ports/connection_directory.hpp"
#include "ports/http.hpp"

namespace carillon::management {

/// `GET` and `DELETE /connections`, `GET /websocket/connections` and `GET /presence` (CONTRACT §12).
std::vector<ports::Route> connection_routes(ports::ConnectionDirectory& directory);

}  // namespace carillon::management
