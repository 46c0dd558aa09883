#pragma once

#include "ports/http.hpp"

namespace carillon::metric_collector {

/// `handler` for identities with `carillon/metrics` or `carillon/admin`; 403 for others. For routes that ask
/// for a token.
ports::HttpHandler metrics_only(ports::HttpHandler handler);

}  // namespace carillon::metric_collector
