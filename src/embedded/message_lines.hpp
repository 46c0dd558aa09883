#pragma once

#include <array>
#include <string>

#include "base/log.hpp"
#include "base/log_sampler.hpp"
#include "model/message.hpp"
#include "ports/metric_set.hpp"
#include "ports/queue_admin.hpp"
#include "processor/processor.hpp"

namespace carillon::embedded {

/// Log lines of single messages: the first few of each second are written, the rest is counted and reported.
/// Bus loop only, but for collect().
class MessageLines {
 public:
  /// Whether latencies are logged at all: to be asked once per batch.
  static bool wants_latencies() { return base::log::enabled(base::log::Level::info); }
  /// How long the message took from its publisher to the processor.
  void latency(const model::Message& message, base::Monotonic::duration latency, base::Monotonic now) {
    if (latencies_.allow(now)) write_latency(message, latency);
  }
  /// What became of its delivery. Each result has lines of its own, so that many of one hide none of another.
  void delivery(const processor::SettledDelivery& delivery, base::Monotonic now);
  /// It went to the dead letter queue.
  void dead_letter(const std::string& queue, const ports::QueuedMessage& letter, base::Monotonic now);
  /// A channel's webhook did not take it. `message` is null when it could not be read.
  void webhook_failed(const std::string& channel, const model::Message* message, int attempt,
                      const std::string& reason, base::Monotonic now);
  /// Logs how many lines were held back since the last call. About once a second.
  void report_suppressed();

  /// Any thread.
  void collect(ports::MetricSet& into) const;

 private:
  static constexpr std::uint32_t kLatenciesPerSecond = 10;
  static constexpr std::uint32_t kLinesPerSecond = 20;
  static void write_latency(const model::Message& message, base::Monotonic::duration latency);

  base::LogSampler latencies_{kLatenciesPerSecond};
  std::array<base::LogSampler, 4> deliveries_{
      base::LogSampler(kLinesPerSecond), base::LogSampler(kLinesPerSecond), base::LogSampler(kLinesPerSecond),
      base::LogSampler(kLinesPerSecond)};  ///< by processor::DeliveryResult
  base::LogSampler dead_letters_{kLinesPerSecond}, webhooks_{kLinesPerSecond};
};

}  // namespace carillon::embedded
