#include "observability/metrics_route.hpp"

#include "metric_collector/requests.hpp"
#include "observability/prometheus_text.hpp"

namespace carillon::observability {
namespace {

constexpr std::int64_t kRetryMs = 1000;

}  // namespace

ports::HttpHandler MetricsRoute::handler() {
  return [this](const ports::HttpRequest&, ports::HttpResponder respond) {
    auto place = waiting_.enter();
    if (!place)
      return respond(ports::HttpResponse::error(model::retry_later(model::errors::kOverloaded, kRetryMs)));
    loop_.post([this, place = std::move(place), respond = std::move(respond)]() mutable {
      ports::HttpResponse answer;
      answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
      answer.body = prometheus_text(collector_.figures());
      place.reset();
      respond(std::move(answer));
    });
  };
}

ports::Route MetricsRoute::with_token() {
  return {"GET", "/metrics", ports::Access::token, metric_collector::metrics_only(handler())};
}

ports::Route MetricsRoute::open() {
  return {"GET", "/metrics", ports::Access::open, handler()};
}

}  // namespace carillon::observability
