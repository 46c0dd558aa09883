#pragma once

#include <vector>

#include "ports/http.hpp"
#include "ports/queue_admin.hpp"

namespace carillon::management {

/// `/queues`: list, peek, purge, redrive (CONTRACT §11); `carillon/admin` only.
std::vector<ports::Route> queue_routes(ports::QueueAdmin& queues);

}  // namespace carillon::management
