#include "embedded/message_lines.hpp"

#include "model/message_fields.hpp"

namespace carillon::embedded {
namespace {

using base::log::Level;
using processor::DeliveryResult;

constexpr std::string_view kHeldBack = "per-message lines held back";

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
  if (!base::log::enabled(level) || !deliveries_[static_cast<std::size_t>(delivery.result)].allow(now))
    return;
  const std::string target = delivery.message->target.str();
  model::MessageFields fields(*delivery.message);
  fields.add({"target", target})
      .add({"delivered", delivery.delivered})
      .add({"gone", delivery.gone})
      .add({"failed", delivery.failed.size()})
      .add({"latency_ms", base::now_ms() - delivery.message->published_at});
  base::log::write(level, "delivery", text, fields.list());
}

void MessageLines::dead_letter(const std::string& queue, const ports::QueuedMessage& letter,
                               base::Monotonic now) {
  if (!base::log::enabled(Level::warn) || !dead_letters_.allow(now)) return;
  model::MessageFields fields(*letter.message);
  fields.add({"queue", queue})
      .add({"attempts", letter.attempts})
      .add({"failed_recipients", letter.failed.size()})
      .add({"reason", letter.reason});
  base::log::write(Level::warn, "dead_letter", "message moved to the dead letter queue", fields.list());
}

void MessageLines::webhook_failed(const std::string& channel, const model::Message* message, int attempt,
                                  const std::string& reason, base::Monotonic now) {
  constexpr std::string_view kText = "a webhook did not take a message";
  if (!base::log::enabled(Level::warn) || !webhooks_.allow(now)) return;
  if (!message)
    return base::log::warn("webhook_failed", kText,
                           {{"channel", channel}, {"attempt", attempt}, {"reason", reason}});
  model::MessageFields fields(*message);
  fields.add({"channel", channel}).add({"attempt", attempt}).add({"reason", reason});
  base::log::write(Level::warn, "webhook_failed", kText, fields.list());
}

void MessageLines::report_suppressed() {
  if (const std::uint64_t count = latencies_.take_suppressed(); count > 0)
    base::log::info("latency_measurement_sampled", kHeldBack,
                    {{"count", count}, {"total", latencies_.suppressed()}});
  for (std::size_t i = 0; i < deliveries_.size(); ++i) {
    const std::uint64_t count = deliveries_[i].take_suppressed();
    if (count == 0) continue;
    const auto [level, text] = wording_of(static_cast<DeliveryResult>(i));
    base::log::write(level, "delivery_sampled", kHeldBack,
                     {{"result", text}, {"count", count}, {"total", deliveries_[i].suppressed()}});
  }
  if (const std::uint64_t count = dead_letters_.take_suppressed(); count > 0)
    base::log::warn("dead_letter_sampled", kHeldBack,
                    {{"count", count}, {"total", dead_letters_.suppressed()}});
  if (const std::uint64_t count = webhooks_.take_suppressed(); count > 0)
    base::log::warn("webhook_failed_sampled", kHeldBack,
                    {{"count", count}, {"total", webhooks_.suppressed()}});
}

void MessageLines::collect(ports::MetricSet& into) const {
  ports::collect_suppressed(into, "latency_measurement", latencies_.suppressed());
  std::uint64_t deliveries = 0;
  for (const base::LogSampler& each : deliveries_) deliveries += each.suppressed();
  ports::collect_suppressed(into, "delivery", deliveries);
  ports::collect_suppressed(into, "dead_letter", dead_letters_.suppressed());
  ports::collect_suppressed(into, "webhook_failed", webhooks_.suppressed());
}

}  // namespace carillon::embedded
