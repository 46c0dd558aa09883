#include "metric_collector/alarm_routes.hpp"

#include "metric_collector/requests.hpp"
#include "metric_collector/waiting_requests.hpp"

namespace carillon::metric_collector {
namespace {

constexpr int kMaxWaiting = 64;
constexpr std::int64_t kRetryMs = 1000;

}  // namespace

std::vector<ports::Route> alarm_routes(base::EventLoop& loop, const AlarmWatch& watch) {
  const auto handler = [&loop, &watch, waiting = WaitingRequests(kMaxWaiting)](const ports::HttpRequest&,
                                                                               ports::HttpResponder respond) {
    auto place = waiting.enter();
    if (!place)
      return respond(ports::HttpResponse::error(model::retry_later(model::errors::kOverloaded, kRetryMs)));
    loop.post([&watch, place = std::move(place), respond = std::move(respond)]() mutable {
      auto response = ports::HttpResponse::json(200, watch.json());
      response.headers.emplace_back("Cache-Control", "no-store");
      respond(std::move(response));
    });
  };
  return {{"GET", "/dashboard/alarms", ports::Access::token, metrics_only(handler)}};
}

}  // namespace carillon::metric_collector
