#pragma once

#include "base/event_loop.hpp"
#include "metric_collector/metric_collector.hpp"
#include "metric_collector/waiting_requests.hpp"
#include "ports/http.hpp"

namespace carillon::observability {

/// `GET /metrics` (CONTRACT §13). Put together on a loop of its own, `scrape`: loops that people wait for
/// have no part in it, and it is answered while the disk makes the collector wait. Routes: any thread; of
/// their requests kMostWaiting wait together, beyond that 503. They must not be asked after the end of this.
class MetricsRoute {
 public:
  static constexpr int kMostWaiting = 16;

  /// `collector` and its sources must outlive stop().
  explicit MetricsRoute(const metric_collector::MetricCollector& collector) : collector_(collector) {}

  /// For `carillon/metrics` and `carillon/admin`.
  ports::Route with_token();
  /// The same for whoever can reach the port `[internal] listen`.
  ports::Route open();

  void start() { loop_.start(); }
  /// Answers what waits. Idempotent.
  void stop() { loop_.stop(); }

 private:
  ports::HttpHandler handler();

  const metric_collector::MetricCollector& collector_;
  metric_collector::WaitingRequests waiting_{kMostWaiting};
  base::EventLoop loop_{"scrape"};
};

}  // namespace carillon::observability
