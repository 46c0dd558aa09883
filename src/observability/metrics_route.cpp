#include "observability/metrics_route.hpp"

#include "metric_collector/requests.hpp"
#include "observability/prometheus_text.hpp"

namespace carillon::observability {
namespace {

ports::HttpHandler handler(metric_collector::MetricCollector& collector) {
  return [&collector](const ports::HttpRequest&, ports::HttpResponder respond) {
    collector.loop().post([&collector, respond = std::move(respond)]() mutable {
      ports::HttpResponse answer;
      answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
      answer.body = prometheus_text(collector.figures());
      respond(std::move(answer));
    });
  };
}

}  // namespace

ports::Route metrics_route(metric_collector::MetricCollector& collector) {
  return {"GET", "/metrics", ports::Access::token, metric_collector::metrics_only(handler(collector))};
}

ports::Route open_metrics_route(metric_collector::MetricCollector& collector) {
  return {"GET", "/metrics", ports::Access::open, handler(collector)};
}

}  // namespace carillon::observability
