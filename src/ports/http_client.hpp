#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "ports/completion.hpp"

namespace carillon::ports {

struct OutboundRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds timeout{5000};
  std::size_t max_response_bytes = 262144;
};

struct OutboundResponse {
  int status = 0;
  std::string body;
};

/// Outbound HTTP(S): no redirects, http and https only, link-local addresses never reached. Any thread;
/// completes on the client's own thread. Errors: unavailable, with the reason in `details`.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual void send(OutboundRequest request, Completion<OutboundResponse> done) = 0;
};

}  // namespace carillon::ports
