#include "metric_collector/series_routes.hpp"

#include "base/bytes.hpp"
#include "metric_collector/requests.hpp"
#include "metric_collector/series_json.hpp"
#include "metric_collector/series_query.hpp"
#include "metric_collector/waiting_requests.hpp"

namespace carillon::metric_collector {
namespace {

using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

constexpr int kMostWaiting = 64;
constexpr int kMostWaitingOfAUser = 16;
constexpr std::int64_t kRetryAfterMs = 1000;

void answer(HttpResponder& respond, HttpResponse response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  respond(std::move(response));
}

model::Result<std::string> series_json(const MetricSeries& series, const SeriesQuery& query) {
  std::string body = "{\"metric\":" + base::json_string(query.metric->name) +
                     ",\"period\":" + std::to_string(query.period.count()) + ",\"points\":[";
  const auto visited =
      series.visit(*query.metric, query.from, query.to, query.period, [&](const SeriesPoint& point) {
        if (body.back() != '[') body += ',';
        append_point_json(body, *query.metric, point);
      });
  if (!visited) return std::unexpected(visited.error());
  return body + "]}";
}

ports::HttpHandler series_handler(MetricCollector& collector) {
  return [&collector, waiting_requests = WaitingRequests(kMostWaiting, kMostWaitingOfAUser)](
             HttpRequest request, HttpResponder respond) {
    const auto query = parse_series_query(request, base::now_ms());
    if (!query) return answer(respond, HttpResponse::error(query.error()));
    auto waiting = waiting_requests.enter(request.identity->user.str());
    if (!waiting)
      return answer(respond,
                    HttpResponse::error(model::retry_later(model::errors::kOverloaded, kRetryAfterMs)));
    collector.loop().post(
        [&collector, query = *query, waiting = std::move(waiting), respond = std::move(respond)]() mutable {
          const auto body = series_json(collector.series(), query);
          waiting.reset();
          answer(respond, body ? HttpResponse::json(200, *body) : HttpResponse::error(body.error()));
        });
  };
}

}  // namespace

std::vector<ports::Route> series_routes(MetricCollector& collector) {
  const auto list = [body = catalogue_json()](HttpRequest, HttpResponder respond) {
    answer(respond, HttpResponse::json(200, body));
  };
  return {{"GET", "/dashboard/series", ports::Access::token, metrics_only(series_handler(collector))},
          {"GET", "/dashboard/metrics", ports::Access::token, metrics_only(list)}};
}

}  // namespace carillon::metric_collector
