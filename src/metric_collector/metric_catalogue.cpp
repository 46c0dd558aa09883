#include "metric_collector/metric_catalogue.hpp"

#include <algorithm>
#include <array>

namespace carillon::metric_collector {
namespace {

using enum SeriesKind;
using enum MetricUnit;

// clang-format off
constexpr std::array kCatalogue = std::to_array<Metric>({
    {"PublisherToProcessorLatency", latency, milliseconds, "carillon_publisher_to_processor_latency_seconds", "", "", "From taking a message in to handing it to delivery"},
    {"ClientEndToEndLatency", latency, milliseconds, "carillon_client_end_to_end_latency_seconds", "", "", "From publishing to receiving, as clients measured"},
    {"ClientNetworkLatency", latency, milliseconds, "carillon_client_network_latency_seconds", "", "", "From the processor to receiving, as clients measured"},
    {"ClientJitter", latency, milliseconds, "carillon_client_jitter_seconds", "", "", "How much latency differs between consecutive messages, as clients measured"},
    {"HighLatencyMessageCount", events, count, "carillon_high_latency_messages_total", "", "", "Messages over high_latency_ms, from publisher to processor or as clients measured"},
    {"MessagesPublished", events, count, "carillon_messages_published_total", "", "", "Messages accepted"},
    {"SuccessfulDelivery", events, count, "carillon_deliveries_total", "result", "successful", "Messages that all live recipients got"},
    {"PartialFailure", events, count, "carillon_deliveries_total", "result", "partial_failure", "Messages that some recipients did not get"},
    {"DeliveryFailure", events, count, "carillon_deliveries_total", "result", "failure", "Messages that no recipient got"},
    {"UndeliveredMessage", events, count, "carillon_deliveries_total", "result", "undelivered", "Messages whose target had nobody connected"},
    {"MessagesStored", events, count, "carillon_messages_stored_total", "", "", "Messages put into history"},
    {"PublishRefused", events, count, "carillon_publish_refused_total", "", "", "Messages refused: rights, limits, overload"},
    {"DeliveryRetries", events, count, "carillon_delivery_retries_total", "", "", "Further attempts to deliver"},
    {"DeadLettersAdded", events, count, "carillon_dead_letters_added_total", "", "", "Messages that became dead letters"},
    {"DeadLetters", level, count, "carillon_dead_letters", "", "", "Messages in dead letter queues"},
    {"QueueDepth", level, count, "carillon_queue_depth", "", "", "Messages in queues, waiting and in flight"},
    {"QueueAge", level, seconds, "carillon_queue_oldest_age_seconds", "", "", "Age of the oldest message in any queue"},
    {"Connections", level, count, "carillon_connections", "", "", "Live WebSockets"},
    {"ConnectionsOpened", events, count, "carillon_connections_opened_total", "", "", "WebSockets opened"},
    {"ConnectionsClosed", events, count, "carillon_connections_closed_total", "", "", "WebSockets closed"},
    {"AuthorizationsRefused", events, count, "carillon_authorizations_total", "result", "refused", "Tokens and tickets refused"},
    {"HttpRequests", events, count, "carillon_http_requests_total", "", "", "HTTP requests answered"},
    {"HttpClientErrors", events, count, "carillon_http_requests_total", "status", "4", "HTTP answers 4xx"},
    {"HttpServerErrors", events, count, "carillon_http_requests_total", "status", "5", "HTTP answers 5xx"},
    {"ClientSamplesRefused", events, count, "carillon_client_samples_refused_total", "", "", "Client measurements refused"},
    {"CommitDuration", latency, milliseconds, "carillon_commit_duration_seconds", "", "", "Making a batch durable"},
    {"CommitBatchSize", latency, count, "carillon_commit_batch_size", "", "", "Changes in a batch"},
    {"LoopLag", latency, milliseconds, "carillon_loop_lag_seconds", "", "", "How late event loops come by"},
    {"StoreSize", level, bytes, "carillon_store_size_bytes", "", "", "Files of the store on disk"},
    {"Memory", level, bytes, "process_resident_memory_bytes", "", "", "Resident memory of the process"},
});
// clang-format on

}  // namespace

std::string_view name(MetricUnit unit) {
  switch (unit) {
    case milliseconds:
      return "ms";
    case seconds:
      return "s";
    case bytes:
      return "bytes";
    case count:
      break;
  }
  return "count";
}

std::span<const Metric> catalogue() {
  return kCatalogue;
}

const Metric* find_metric(std::string_view name) {
  const auto found = std::ranges::find(kCatalogue, name, &Metric::name);
  return found == kCatalogue.end() ? nullptr : &*found;
}

}  // namespace carillon::metric_collector
