#pragma once

#include <vector>

#include "base/event_loop.hpp"
#include "bus/settings.hpp"
#include "bus/topic.hpp"
#include "embedded/delivery_figures.hpp"
#include "embedded/delivery_results.hpp"
#include "embedded/local_connections.hpp"
#include "embedded/local_dead_letters.hpp"
#include "embedded/local_message_times.hpp"
#include "embedded/message_lines.hpp"
#include "ports/connection_gateway.hpp"
#include "ports/message_spans.hpp"
#include "processor/processor.hpp"

namespace carillon::embedded {

/// The consumer of the WebSocket queues: hands runs to the gateway's loops and settles what they answer, and
/// measures both. Bus loop only, unless it says otherwise.
class LocalDelivery {
 public:
  /// How messages got here.
  enum class Arrival {
    published,  ///< now: how long that took is measured
    reopened,   ///< from the log of a reopened store, for the first time: measured by publish times
    replayed    ///< after a restart, perhaps for the second time, and nobody is connected: not measured
  };

  LocalDelivery(base::EventLoop& loop, const bus::Settings& settings, const bus::Topics& topics,
                LocalConnections& connections, LocalDeadLetters& dead_letters, DeliveryResults& results,
                ports::ConnectionGateway& gateway, MessageLines& lines, ports::MessageSpans spans);

  /// PublisherToProcessorLatency is measured once per message, from Message::accepted_at; never of a redriven
  /// one, which was published long ago. `durable_ns` is where spans of waiting begin; 0: not known.
  void dispatch(std::vector<processor::QueuedItem> items, Arrival arrival, std::int64_t durable_ns = 0);
  const processor::Processor& state() const { return processor_; }

  // Any thread.
  const DeliveryFigures& figures() const { return figures_; }
  const ports::MessageTimesWindow& times() const { return times_; }

 private:
  /// processorTimestamp of what is taken up now: never before a publication or an earlier one.
  base::EpochMs processing_time(const std::vector<processor::QueuedItem>& items);
  void measure(const std::vector<processor::QueuedItem>& items, Arrival arrival, base::Monotonic taken_up,
               base::EpochMs now);
  void record_spans(const std::vector<processor::QueuedItem>& items, std::int64_t durable_ns,
                    std::int64_t taken_up_ns);
  void record_delivery(const processor::SettledDelivery& delivery, base::Monotonic now);
  void settle(std::vector<processor::SettledDelivery> settled);

  const bus::Topics& topics_;
  LocalConnections& connections_;
  LocalDeadLetters& dead_letters_;
  DeliveryResults& results_;
  ports::ConnectionGateway& gateway_;
  MessageLines& lines_;
  int max_attempts_;
  ports::MessageSpans spans_;
  processor::Processor processor_;
  DeliveryFigures figures_;
  LocalMessageTimes times_;
  base::EpochMs processed_at_ = 0;
};

}  // namespace carillon::embedded
