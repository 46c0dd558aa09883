#include "embedded/queue_figures.hpp"

#include <algorithm>

namespace carillon::embedded {

QueueFigures::QueueFigures(const std::vector<bus::QueueDefinition>& queues) : places_(queues.size()) {
  for (std::size_t i = 0; i < queues.size(); ++i) {
    places_[i].name = queues[i].name;
    places_[i].dead_letter_queue = queues[i].dead_letter_queue;
  }
}

void QueueFigures::set(bus::QueueIndex queue, const Levels& levels) {
  Place& place = places_[queue];
  place.depth.store(levels.depth, std::memory_order_relaxed);
  place.in_flight.store(levels.in_flight, std::memory_order_relaxed);
  place.oldest.store(levels.oldest.value_or(0), std::memory_order_relaxed);
}

void QueueFigures::collect(ports::MetricSet& into) const {
  const base::EpochMs now = base::now_ms();
  for (const Place& each : places_) {
    const ports::Labels queue{{"queue", each.name}};
    const ports::Labels dead{{"queue", each.dead_letter_queue}};
    const auto value = [](const std::atomic<std::uint64_t>& level) {
      return static_cast<double>(level.load(std::memory_order_relaxed));
    };
    const base::EpochMs oldest = each.oldest.load(std::memory_order_relaxed);
    const auto age_ms = oldest == 0 ? 0 : std::max<base::EpochMs>(0, now - oldest);
    into.gauge("carillon_queue_depth", "Messages in a queue, waiting and in flight.", value(each.depth),
               queue);
    into.gauge("carillon_queue_in_flight", "Messages of a queue that its consumer has.",
               value(each.in_flight), queue);
    into.gauge("carillon_queue_oldest_age_seconds", "Age of a queue's oldest message.",
               static_cast<double>(age_ms) / 1000, queue);
    into.gauge("carillon_dead_letters", "Messages in a dead letter queue.", value(each.dead_letters), dead);
    into.counter("carillon_dead_letters_added_total", "Messages that became dead letters.",
                 each.added.value(), dead);
  }
  into.counter("carillon_dead_letters_dropped_total", "Dead letters dropped for their age or number.",
               dropped_.value());
  into.counter("carillon_messages_redriven_total", "Dead letters that were queued again.", redriven_.value());
}

}  // namespace carillon::embedded
