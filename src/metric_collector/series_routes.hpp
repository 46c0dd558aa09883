#pragma once

#include <vector>

#include "metric_collector/metric_collector.hpp"
#include "ports/http.hpp"

namespace carillon::metric_collector {

/// `GET /dashboard/series` and `GET /dashboard/metrics` (CONTRACT §13), for `carillon/metrics` and
/// `carillon/admin`. Series are read on the collector's loop; a bounded number of requests waits for it,
/// beyond that 503. `collector` must outlive the gateway.
std::vector<ports::Route> series_routes(MetricCollector& collector);

}  // namespace carillon::metric_collector
