#include "embedded/local_delivery.hpp"

#include "base/log.hpp"

namespace carillon::embedded {
namespace {

using processor::DeliveryResult;
using processor::SettledDelivery;

constexpr std::uint32_t kLinesPerSecond = 20;

}  // namespace

LocalDelivery::LocalDelivery(base::EventLoop& loop, std::size_t queues, LocalConnections& connections,
                             LocalDeadLetters& dead_letters, DeliveryResults& results,
                             ports::ConnectionGateway& gateway, int max_attempts)
    : connections_(connections),
      dead_letters_(dead_letters),
      results_(results),
      gateway_(gateway),
      max_attempts_(max_attempts),
      processor_(queues, gateway.loop_count()),
      sampler_(kLinesPerSecond) {
  gateway.set_outcome_sink(
      [this, &loop](ports::LoopIndex index, std::vector<ports::DeliveryOutcome> outcomes) {
        loop.post([this, index, outcomes = std::move(outcomes)]() mutable {
          std::vector<SettledDelivery> settled;
          processor_.on_outcomes(index, std::move(outcomes), settled);
          settle(std::move(settled));
        });
      });
}

void LocalDelivery::dispatch(std::vector<processor::QueuedItem> items) {
  if (items.empty()) return;
  processor::Dispatch dispatch = processor_.dispatch(items, connections_, base::now_ms());
  for (ports::LoopIndex index = 0; index < dispatch.runs.size(); ++index)
    if (!dispatch.runs[index].empty()) gateway_.deliver(index, std::move(dispatch.runs[index]));
  settle(std::move(dispatch.settled));
}

void LocalDelivery::settle(std::vector<SettledDelivery> settled) {
  for (SettledDelivery& each : settled) {
    log_result(each);
    results_.add(*each.message, each.delivered, each.gone, std::move(each.users));
    if (!each.is_dead_letter() || each.queue == bus::kNoQueue) continue;
    ports::QueuedMessage letter{each.message, max_attempts_, base::now_ms(), std::move(each.failed), {}};
    letter.reason = letter.failed.front().reason;
    dead_letters_.bury(each.queue, std::move(letter),
                       [this, delivery = each.delivery] { processor_.dead_lettered(delivery); });
  }
}

void LocalDelivery::log_result(const SettledDelivery& delivery) {
  base::log::Level level = base::log::Level::debug;
  std::string_view metric = "SuccessfulDelivery";
  switch (delivery.result) {
    case DeliveryResult::delivered:
      ++counts_.delivered;
      break;
    case DeliveryResult::undelivered:
      ++counts_.undelivered;
      metric = "UndeliveredMessage";
      level = base::log::Level::info;
      break;
    case DeliveryResult::partial_failure:
      ++counts_.partial;
      metric = "PartialFailure";
      level = base::log::Level::warn;
      break;
    case DeliveryResult::failed:
      ++counts_.failed;
      metric = "DeliveryFailure";
      level = base::log::Level::warn;
      break;
  }
  if (!base::log::enabled(level) || !sampler_.allow(base::monotonic_now())) return;
  const model::Message& message = *delivery.message;
  base::log::write(level, "delivery", metric,
                   {{"messageId", message.id.str()},
                    {"target", message.target.str()},
                    {"delivered", delivery.delivered},
                    {"gone", delivery.gone},
                    {"failed", delivery.failed.size()},
                    {"latency_ms", base::now_ms() - message.published_at}});
}

void LocalDelivery::report_suppressed() {
  if (const std::uint64_t count = sampler_.take_suppressed(); count > 0)
    base::log::info("delivery_sampled", "per-message lines held back",
                    {{"count", count}, {"undelivered_total", counts_.undelivered}});
}

}  // namespace carillon::embedded
