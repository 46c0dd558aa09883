#pragma once

#include "metric_collector/metric_catalogue.hpp"
#include "ports/http.hpp"

namespace carillon::metric_collector {

/// What `GET /dashboard/series` asks for.
struct SeriesQuery {
  static constexpr std::int64_t kMostPoints = 10'000;

  const Metric* metric = nullptr;  ///< never null
  base::EpochMs from = 0;          ///< the beginning of a period
  base::EpochMs to = 0;
  std::chrono::seconds period{60};
};

/// `metric`, `from` and `to` (epoch milliseconds or RFC 3339; the last hour when left out) and `period`
/// (whole seconds or a duration, in tens of seconds). Not more than kMostPoints. Pure. Errors:
/// invalid_parameter, naming the parameter.
model::Result<SeriesQuery> parse_series_query(const ports::HttpRequest& request, base::EpochMs now);

}  // namespace carillon::metric_collector
