#pragma once

#include <vector>

#include "base/event_loop.hpp"
#include "metric_collector/client_latencies.hpp"
#include "ports/http.hpp"
#include "ports/message_history.hpp"

namespace carillon::metric_collector {

/// `POST /metrics`, for anybody with a token (CONTRACT §13). Bodies are read and counted on `loop`, the
/// collector's; a bounded number of requests waits for it, of one user as of all, beyond that 503. A body
/// costs its user one sample before it is read. A request is answered when it is counted. All that is passed
/// in must outlive the gateway and the history's threads.
std::vector<ports::Route> client_sample_routes(base::EventLoop& loop, ClientLatencies& latencies,
                                               ports::MessageHistory& history,
                                               const ports::MessageTimesWindow& window);

}  // namespace carillon::metric_collector
