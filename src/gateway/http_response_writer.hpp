#pragma once

#include <string_view>

#include "gateway/outbound_queue.hpp"
#include "ports/http.hpp"

namespace carillon::gateway {

/// What the gateway adds to a route's answer.
struct ResponseFrame {
  bool head = false;        ///< the request was HEAD: no body
  bool close = false;       ///< the connection ends after it
  bool http_1_0 = false;    ///< and stays only if it says so
  std::string_view origin;  ///< for Access-Control-Allow-Origin; empty: none
  bool vary_origin = false;
  std::string_view traceparent;  ///< empty: none
};

/// Queues the answer as RFC 9112 text. Field names and values that could end a line early are left out.
void write_response(OutboundQueue& out, ports::HttpResponse response, const ResponseFrame& frame);

}  // namespace carillon::gateway
