#pragma once

#include <unordered_map>
#include <vector>

#include "base/event_loop.hpp"
#include "bus/topic.hpp"
#include "embedded/delivery_results.hpp"
#include "embedded/local_channels.hpp"
#include "embedded/local_delivery.hpp"
#include "embedded/store.hpp"
#include "message_storage/message_storage.hpp"
#include "ports/message_history.hpp"

namespace carillon::embedded {

/// What became of one message in its queues and at its recipients (CONTRACT §10, `carillon trace`).
class LocalTrace {
 public:
  LocalTrace(base::EventLoop& loop, const bus::Topics& topics, const Store& store,
             const LocalDelivery& delivery, const LocalChannels& channels, const DeliveryResults& results,
             const message_storage::MessageStorage& storage);

  /// Everything of the trace but `message`, `stored` and `expired`. Any thread; reads the store on it, then
  /// completes on the bus loop. Errors: the store's.
  void describe(model::MessagePtr message, ports::Completion<ports::MessageTrace> done);

  // Bus loop only.
  /// A message came back from a dead letter queue and is queued again.
  void remember_copy(const model::Message& copy);
  /// Forgets copies that are settled. Now and then.
  void forget_settled_copies();

 private:
  using Positions = std::vector<model::Position>;

  base::Result<ports::MessageTrace> on_loop(const model::Message& message, DeliveryTotals totals,
                                            std::uint64_t before) const;
  base::Result<ports::QueueTrace> queue_trace(bus::QueueIndex queue, const model::Message& message,
                                              const Positions& positions, DeliveryTotals& totals) const;
  /// Of a message that is no dead letter. Adds what became of it so far.
  void look_into(bus::QueueIndex queue, model::Position position, ports::QueueTrace& trace,
                 DeliveryTotals& totals) const;
  bool holds(bus::QueueIndex queue, model::Position position) const;

  struct Copy {
    bus::QueueIndex queue;
    model::Position position;
  };

  base::EventLoop& loop_;
  const bus::Topics& topics_;
  const Store& store_;
  const LocalDelivery& delivery_;
  const LocalChannels& channels_;
  const DeliveryResults& results_;
  const message_storage::MessageStorage& storage_;
  std::unordered_multimap<model::MessageId, Copy> copies_;
};

}  // namespace carillon::embedded
