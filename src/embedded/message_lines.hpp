#pragma once

#include "base/log.hpp"
#include "base/log_sampler.hpp"
#include "model/message.hpp"
#include "ports/metric_set.hpp"
#include "processor/processor.hpp"

namespace carillon::embedded {

/// Log lines of single messages: the first few of each second are written, the rest is counted and reported.
/// Bus loop only, but for collect().
class MessageLines {
 public:
  MessageLines() : latencies_(kLatenciesPerSecond), deliveries_(kDeliveriesPerSecond) {}

  /// Whether latencies are logged at all: to be asked once per batch.
  static bool wants_latencies() { return base::log::enabled(base::log::Level::info); }
  /// How long the message took from its publisher to the processor.
  void latency(const model::Message& message, base::Monotonic::duration latency, base::Monotonic now) {
    if (latencies_.allow(now)) write_latency(message, latency);
  }
  /// What became of its delivery.
  void delivery(const processor::SettledDelivery& delivery, base::Monotonic now);
  /// Logs how many lines were held back since the last call. About once a second.
  void report_suppressed();

  /// Any thread.
  void collect(ports::MetricSet& into) const;

 private:
  static constexpr std::uint32_t kLatenciesPerSecond = 10;
  static constexpr std::uint32_t kDeliveriesPerSecond = 20;
  static void write_latency(const model::Message& message, base::Monotonic::duration latency);

  base::LogSampler latencies_, deliveries_;
};

/// A sampler's part of carillon_log_lines_suppressed_total.
void collect_suppressed(ports::MetricSet& into, std::string event_type, const base::LogSampler& sampler);

}  // namespace carillon::embedded
