#pragma once

#include <string>

#include "metric_collector/metric_series.hpp"

namespace carillon::metric_collector {

/// `{"timestamp",…,"p99"}`: a point as `GET /dashboard/series` has it, in the metric's unit. No exponent, at
/// most three decimals.
void append_point_json(std::string& out, const Metric& metric, const SeriesPoint& point);

/// `{"metrics":[…]}`: the catalogue as `GET /dashboard/metrics` has it.
std::string catalogue_json();

}  // namespace carillon::metric_collector
