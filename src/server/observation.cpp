#include "server/observation.hpp"

#include "base/version.hpp"
#include "metric_collector/alarm_routes.hpp"
#include "metric_collector/client_sample_routes.hpp"
#include "metric_collector/metric_collector.hpp"
#include "metric_collector/series_routes.hpp"
#include "observability/metrics_route.hpp"
#include "observability/process_figures.hpp"
#include "pages/page_routes.hpp"
#include "server/alarm_settings.hpp"
#include "server/routes.hpp"

namespace carillon::server {
namespace {

metric_collector::AlarmWatch::ReadPoints points_of(metric_collector::MetricCollector& collector) {
  return [&collector](const metric_collector::Metric& metric, base::EpochMs from, base::EpochMs to,
                      std::chrono::milliseconds period) {
    return collector.series().points(metric, from, to, period);
  };
}

}  // namespace

struct Observation::Parts {
  Parts(const Settings& settings, const Watched& given)
      : watched(given),
        collector(given.series),
        client_latencies(std::chrono::milliseconds(settings.high_latency_ms)),
        webhooks(collector.loop(), given.webhook_client, alarm_receivers(settings)),
        alarms(
            alarm_rules(settings), points_of(collector),
            [this](const metric_collector::AlarmChange& change) { webhooks.notify(change); },
            base::now_ms()) {
    for (const ports::MetricSource* each : watched.sources) collector.add_source(*each);
    for (const ports::MetricSource* each :
         std::initializer_list<const ports::MetricSource*>{&process, &client_latencies, &webhooks, &alarms})
      collector.add_source(*each);
    collector.on_look([this](base::EpochMs now) { alarms.look(now); });
  }

  Watched watched;
  observability::ProcessFigures process{base::kVersion};
  metric_collector::MetricCollector collector;
  metric_collector::ClientLatencies client_latencies;
  observability::AlarmWebhooks webhooks;
  metric_collector::AlarmWatch alarms;
  observability::MetricsRoute scrape{collector};  ///< last: it reads all others
};

Observation::Observation(const Settings& settings, const Watched& watched)
    : parts_(std::make_unique<Parts>(settings, watched)) {}

Observation::~Observation() {
  stop();
}

std::vector<ports::Route> Observation::routes() {
  Parts& parts = *parts_;
  std::vector<ports::Route> all{parts.scrape.with_token()};
  append_routes(all, metric_collector::client_sample_routes(parts.collector.loop(), parts.client_latencies,
                                                            parts.watched.history, parts.watched.times));
  append_routes(all, metric_collector::series_routes(parts.collector));
  append_routes(all, metric_collector::alarm_routes(parts.collector.loop(), parts.alarms));
  append_routes(all, pages::page_routes("/dashboard", pages::dashboard_files()));
  return all;
}

ports::Route Observation::open_route() {
  return parts_->scrape.open();
}

void Observation::start() {
  parts_->collector.start();
  parts_->scrape.start();
}

void Observation::stop() {
  parts_->scrape.stop();
  // Before the last look, so that what is given up is in the figures that it writes.
  parts_->collector.loop().post([this] { parts_->webhooks.stop(); });
  parts_->collector.stop();
}

}  // namespace carillon::server
