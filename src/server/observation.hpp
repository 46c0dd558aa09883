#pragma once

#include <memory>
#include <vector>

#include "ports/http.hpp"
#include "ports/http_client.hpp"
#include "ports/message_history.hpp"
#include "ports/message_times.hpp"
#include "ports/metric_set.hpp"
#include "ports/series_table.hpp"
#include "server/settings.hpp"

namespace carillon::server {

/// What watches the service and is no part of its way: figures and their series, what clients measured,
/// alarms and whom they tell (CONTRACT §13). One thread calls it.
class Observation {
 public:
  /// What is watched. Must outlive stop().
  struct Watched {
    ports::SeriesTable& series;
    ports::MessageHistory& history;
    const ports::MessageTimesWindow& times;
    ports::HttpClient& webhook_client;
    std::vector<const ports::MetricSource*> sources;
  };
  Observation(const Settings& settings, const Watched& watched);
  ~Observation();  ///< stops

  /// For the gateway, which must not outlive this.
  std::vector<ports::Route> routes();
  /// `GET /metrics` without a token.
  ports::Route open_route();

  void start();
  /// Writes the newest figures to the series. What alarms have to tell and nobody took is given up: before
  /// the webhook client stops, which would only look like a receiver that fails. Idempotent.
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace carillon::server
