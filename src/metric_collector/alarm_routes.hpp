#pragma once

#include <vector>

#include "base/event_loop.hpp"
#include "metric_collector/alarm_watch.hpp"
#include "ports/http.hpp"

namespace carillon::metric_collector {

/// `GET /dashboard/alarms`, for `carillon/metrics` and `carillon/admin`. `loop` is the collector's.
std::vector<ports::Route> alarm_routes(base::EventLoop& loop, const AlarmWatch& watch);

}  // namespace carillon::metric_collector
