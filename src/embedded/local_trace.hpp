#pragma once

#include <functional>
#include <string>
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

  /// The second half of a trace, which reads the store: to be called once, on a thread that may. Everything
  /// of the trace but `message`, `stored` and `expired`. Errors: the store's.
  using Rest = std::move_only_function<base::Result<ports::MessageTrace>()>;
  /// Looks at what the bus loop knows of the message; completes there. Any thread.
  void describe(model::MessagePtr message, ports::Completion<Rest> done);

  // Bus loop only.
  /// A message came back from a dead letter queue and is queued again.
  void remember_copy(const model::Message& copy);
  /// Forgets copies that are settled. Now and then.
  void forget_settled_copies();

 private:
  /// What the loop knows, at one moment.
  struct Look {
    ports::MessageTrace trace;
    std::vector<std::string> dead_letter_queues;  ///< of each of trace.queues
    DeliveryTotals totals;                        ///< of what is not in a flush before:
    std::uint64_t next_flush = 0;
  };
  Look look(const model::Message& message) const;
  /// Adds what the store knows. In this order nothing is lost: a position is settled once its letter is
  /// there.
  base::Result<ports::MessageTrace> complete(const model::Message& message, Look look) const;
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
