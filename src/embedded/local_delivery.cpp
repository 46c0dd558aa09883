#include "embedded/local_delivery.hpp"

#include <algorithm>

namespace carillon::embedded {
namespace {

using processor::DeliveryResult;
using processor::QueuedItem;
using processor::SettledDelivery;

std::string_view name_of(DeliveryResult result) {
  switch (result) {
    case DeliveryResult::undelivered:
      return "undelivered";
    case DeliveryResult::delivered:
      return "successful";
    case DeliveryResult::partial_failure:
      return "partial_failure";
    case DeliveryResult::failed:
      break;
  }
  return "failure";
}

std::int64_t nanoseconds(base::Monotonic::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

}  // namespace

LocalDelivery::LocalDelivery(base::EventLoop& loop, const bus::Settings& settings, const bus::Topics& topics,
                             LocalConnections& connections, LocalDeadLetters& dead_letters,
                             DeliveryResults& results, ports::ConnectionGateway& gateway, MessageLines& lines,
                             ports::MessageSpans spans)
    : topics_(topics),
      connections_(connections),
      dead_letters_(dead_letters),
      results_(results),
      gateway_(gateway),
      lines_(lines),
      max_attempts_(settings.max_attempts),
      spans_(spans),
      processor_(topics.queues().size(), gateway.loop_count()),
      figures_(settings.high_latency_ms) {
  gateway.set_outcome_sink(
      [this, &loop](ports::LoopIndex index, std::vector<ports::DeliveryOutcome> outcomes) {
        loop.post([this, index, outcomes = std::move(outcomes)]() mutable {
          std::vector<SettledDelivery> settled;
          processor_.on_outcomes(index, std::move(outcomes), settled);
          settle(std::move(settled));
        });
      });
}

void LocalDelivery::dispatch(std::vector<QueuedItem> items, Arrival arrival, std::int64_t durable_ns) {
  if (items.empty()) return;
  const bool traced = spans_.on() && std::ranges::any_of(items, [this](const QueuedItem& each) {
                        return spans_.wants(*each.message);
                      });
  // In this order, so that no span of a delivery begins before that of its processing.
  const std::int64_t taken_up_ns = traced ? base::now_ns() : 0;
  const base::Monotonic taken_up = base::monotonic_now();
  const base::EpochMs now = processing_time(items);
  measure(items, arrival, taken_up, now);
  processor::Dispatch dispatch = processor_.dispatch(items, connections_, now, taken_up);
  for (ports::LoopIndex index = 0; index < dispatch.runs.size(); ++index)
    if (!dispatch.runs[index].empty()) gateway_.deliver(index, std::move(dispatch.runs[index]));
  if (traced) record_spans(items, durable_ns, taken_up_ns);
  settle(std::move(dispatch.settled));
}

base::EpochMs LocalDelivery::processing_time(const std::vector<QueuedItem>& items) {
  processed_at_ = std::max(processed_at_, base::now_ms());
  for (const QueuedItem& each : items) processed_at_ = std::max(processed_at_, each.message->published_at);
  return processed_at_;
}

void LocalDelivery::measure(const std::vector<QueuedItem>& items, Arrival arrival, base::Monotonic taken_up,
                            base::EpochMs now) {
  const bool lines = MessageLines::wants_latencies();
  for (const QueuedItem& each : items) {
    const model::Message& message = *each.message;
    times_.put(message.id, {message.published_at, now});
    if (arrival == Arrival::replayed || message.redrive) continue;
    const base::Monotonic::duration latency = message.accepted_at != base::Monotonic{}
                                                  ? taken_up - message.accepted_at
                                                  : base::milliseconds(now - message.published_at);
    figures_.taken_up(latency);
    if (lines) lines_.latency(message, latency, taken_up);
  }
}

void LocalDelivery::record_spans(const std::vector<QueuedItem>& items, std::int64_t durable_ns,
                                 std::int64_t taken_up_ns) {
  const std::int64_t handed_over_ns = base::now_ns();
  for (const QueuedItem& each : items) {
    if (!spans_.wants(*each.message)) continue;
    if (each.queue != bus::kNoQueue && durable_ns != 0)
      spans_.record("queue", *each.message, durable_ns, taken_up_ns,
                    {{"queue", topics_.queues()[each.queue].name}});
    spans_.record("process", *each.message, taken_up_ns, handed_over_ns);
  }
}

void LocalDelivery::record_delivery(const SettledDelivery& delivery, base::Monotonic now) {
  const std::int64_t end_ns = base::now_ns();
  const bool handed_over = delivery.handed_over != base::Monotonic{};
  spans_.record("deliver", *delivery.message,
                handed_over ? end_ns - nanoseconds(now - delivery.handed_over) : end_ns, end_ns,
                {{"result", std::string(name_of(delivery.result))},
                 {"delivered", std::to_string(delivery.delivered)},
                 {"failed", std::to_string(delivery.failed.size())}},
                delivery.is_dead_letter());
}

void LocalDelivery::settle(std::vector<SettledDelivery> settled) {
  if (settled.empty()) return;
  const base::Monotonic now = base::monotonic_now();
  for (SettledDelivery& each : settled) {
    figures_.settled(each, now);
    lines_.delivery(each, now);
    if (spans_.wants(*each.message)) record_delivery(each, now);
    results_.add(*each.message, each.delivered, each.gone, std::move(each.users));
    if (!each.is_dead_letter() || each.queue == bus::kNoQueue) continue;
    ports::QueuedMessage letter{each.message, max_attempts_, base::now_ms(), std::move(each.failed), {}};
    letter.reason = letter.failed.front().reason;
    dead_letters_.bury(each.queue, std::move(letter),
                       [this, delivery = each.delivery] { processor_.dead_lettered(delivery); });
  }
}

}  // namespace carillon::embedded
