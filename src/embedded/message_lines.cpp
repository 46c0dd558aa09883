#include "embedded/message_lines.hpp"

#include "model/message_fields.hpp"

namespace carillon::embedded {
namespace {

using base::log::Level;
using processor::DeliveryResult;

struct Wording {
  Level level;
  std::string_view text;  ///< the seeds' name of the metric
};

Wording wording_of(DeliveryResult result) {
  switch (result) {
    case DeliveryResult::undelivered:
      return {Level::info, "UndeliveredMessage"};
    case DeliveryResult::delivered:
      return {Level::debug, "SuccessfulDelivery"};
    case DeliveryResult::partial_failure:
      return {Level::warn, "PartialFailure"};
    case DeliveryResult::failed:
      break;
  }
  return {Level::warn, "DeliveryFailure"};
}

}  // namespace

void MessageLines::write_latency(const model::Message& message, base::Monotonic::duration latency) {
  model::MessageFields fields(message);
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(latency).count();
  fields.add({"latency_ms", static_cast<double>(us) / 1000});
  base::log::write(Level::info, "latency_measurement", "PublisherToProcessorLatency", fields.list());
}

void MessageLines::delivery(const processor::SettledDelivery& delivery, base::Monotonic now) {
  const auto [level, text] = wording_of(delivery.result);
  if (!base::log::enabled(level) || !deliveries_.allow(now)) return;
  const std::string target = delivery.message->target.str();
  model::MessageFields fields(*delivery.message);
  fields.add({"target", target})
      .add({"delivered", delivery.delivered})
      .add({"gone", delivery.gone})
      .add({"failed", delivery.failed.size()})
      .add({"latency_ms", base::now_ms() - delivery.message->published_at});
  base::log::write(level, "delivery", text, fields.list());
}

void MessageLines::report_suppressed() {
  constexpr std::string_view kText = "per-message lines held back";
  if (const std::uint64_t count = latencies_.take_suppressed(); count > 0)
    base::log::info("latency_measurement_sampled", kText,
                    {{"count", count}, {"total", latencies_.suppressed()}});
  if (const std::uint64_t count = deliveries_.take_suppressed(); count > 0)
    base::log::info("delivery_sampled", kText, {{"count", count}, {"total", deliveries_.suppressed()}});
}

void MessageLines::collect(ports::MetricSet& into) const {
  collect_suppressed(into, "latency_measurement", latencies_);
  collect_suppressed(into, "delivery", deliveries_);
}

void collect_suppressed(ports::MetricSet& into, std::string event_type, const base::LogSampler& sampler) {
  into.counter("carillon_log_lines_suppressed_total",
               "Log lines that were held back, as there were too many of their kind in a second.",
               sampler.suppressed(), {{"event_type", std::move(event_type)}});
}

}  // namespace carillon::embedded
