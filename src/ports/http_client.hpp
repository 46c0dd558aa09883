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

/// Nobody got any of a request. Of this port alone: no client sees it, so it is not in the catalogue.
inline constexpr base::ErrorEntry kNotSent{"not_sent", 503, 0, true, "Service unavailable"};

/// Outbound HTTP(S): no redirects, http and https only, link-local addresses never reached. Any thread;
/// completes on the client's own thread. Errors, with the reason in `details`: kNotSent, unavailable
/// (somebody may have got it).
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual void send(OutboundRequest request, Completion<OutboundResponse> done) = 0;
};

}  // namespace carillon::ports
