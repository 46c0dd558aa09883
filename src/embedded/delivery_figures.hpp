#pragma once

#include <array>
#include <cstdint>

#include "base/clock.hpp"
#include "base/recorder.hpp"
#include "ports/metric_set.hpp"
#include "processor/processor.hpp"

namespace carillon::embedded {

/// How long messages for sockets took and what became of them. The bus loop writes, any thread reads.
class DeliveryFigures {
 public:
  explicit DeliveryFigures(std::int64_t high_latency_ms) : high_latency_(high_latency_ms) {}

  /// The processor takes a message up, `latency` after its publisher handed it over.
  void taken_up(base::Monotonic::duration latency) {
    latency_.record(latency);
    if (latency > high_latency_) high_latencies_.add();
  }
  void settled(const processor::SettledDelivery& delivery, base::Monotonic now);
  std::uint64_t undelivered() const { return results_[0].value(); }

  void collect(ports::MetricSet& into) const;

 private:
  std::chrono::milliseconds high_latency_;
  base::Recorder latency_;
  base::Counter high_latencies_;
  std::array<base::Counter, 4> results_;  ///< by DeliveryResult
  base::Counter delivered_, gone_, failed_;
  base::Recorder duration_;
};

}  // namespace carillon::embedded
