#include "server/health_routes.hpp"

#include "base/bytes.hpp"

namespace carillon::server {

std::vector<ports::Route> health_routes(std::function<std::vector<std::string>()> not_ready) {
  const auto health = [](ports::HttpRequest, ports::HttpResponder respond) {
    respond(ports::HttpResponse::json(200, "{\"status\":\"ok\"}"));
  };
  const auto ready = [not_ready = std::move(not_ready)](ports::HttpRequest, ports::HttpResponder respond) {
    const auto reasons = not_ready();
    if (reasons.empty()) return respond(ports::HttpResponse::json(200, "{\"status\":\"ready\"}"));
    std::string body = "{\"status\":\"not ready\",\"reasons\":[";
    for (const std::string& each : reasons) {
      if (body.back() != '[') body += ',';
      base::append_json_string(body, each);
    }
    respond(ports::HttpResponse::json(503, body + "]}"));
  };
  return {{"GET", "/health", ports::Access::open, health}, {"GET", "/ready", ports::Access::open, ready}};
}

}  // namespace carillon::server
