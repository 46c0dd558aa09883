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
    std::string members = ",\"reasons\":[";
    for (const std::string& each : reasons) {
      if (members.back() != '[') members += ',';
      base::append_json_string(members, each);
    }
    respond(
        ports::HttpResponse::error(model::Error(model::errors::kUnavailable).with_members(members + "]")));
  };
  return {{"GET", "/health", ports::Access::open, health}, {"GET", "/ready", ports::Access::open, ready}};
}

}  // namespace carillon::server
