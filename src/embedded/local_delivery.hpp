#pragma once

#include <vector>

#include "base/event_loop.hpp"
#include "base/log_sampler.hpp"
#include "embedded/delivery_results.hpp"
#include "embedded/local_connections.hpp"
#include "embedded/local_dead_letters.hpp"
#include "ports/connection_gateway.hpp"
#include "processor/processor.hpp"

namespace carillon::embedded {

/// What became of messages for sockets, since the start.
struct DeliveryCounts {
  std::uint64_t undelivered = 0;  ///< UndeliveredMessage: there was nobody
  std::uint64_t delivered = 0;    ///< SuccessfulDelivery
  std::uint64_t partial = 0;      ///< PartialFailure
  std::uint64_t failed = 0;       ///< DeliveryFailure
};

/// The consumer of the WebSocket queues: hands runs to the gateway's loops and settles what they answer.
/// Bus loop only.
class LocalDelivery {
 public:
  LocalDelivery(base::EventLoop& loop, std::size_t queues, LocalConnections& connections,
                LocalDeadLetters& dead_letters, DeliveryResults& results, ports::ConnectionGateway& gateway,
                int max_attempts);

  void dispatch(std::vector<processor::QueuedItem> items);
  /// Logs how many per-message lines were held back. Once a second.
  void report_suppressed();
  const processor::Processor& state() const { return processor_; }
  const DeliveryCounts& counts() const { return counts_; }

 private:
  void settle(std::vector<processor::SettledDelivery> settled);
  void log_result(const processor::SettledDelivery& delivery);

  LocalConnections& connections_;
  LocalDeadLetters& dead_letters_;
  DeliveryResults& results_;
  ports::ConnectionGateway& gateway_;
  int max_attempts_;
  processor::Processor processor_;
  DeliveryCounts counts_;
  base::LogSampler sampler_;
};

}  // namespace carillon::embedded
