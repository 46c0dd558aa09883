#pragma once

#include "metric_collector/metric_collector.hpp"
#include "ports/http.hpp"

namespace carillon::observability {

/// `GET /metrics` (CONTRACT §13), for `carillon/metrics` and `carillon/admin`. Put together on the
/// collector's loop: loops that people wait for have no part in it. The collector must outlive the route.
ports::Route metrics_route(metric_collector::MetricCollector& collector);
/// The same for whoever can reach the port `[internal] listen`.
ports::Route open_metrics_route(metric_collector::MetricCollector& collector);

}  // namespace carillon::observability
