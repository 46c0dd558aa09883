#include "embedded/delivery_figures.hpp"

#include <string>

namespace carillon::embedded {
namespace {

using processor::DeliveryResult;

std::size_t index(DeliveryResult result) {
  return static_cast<std::size_t>(result);
}

}  // namespace

void DeliveryFigures::settled(const processor::SettledDelivery& delivery, base::Monotonic now) {
  static_assert(static_cast<std::size_t>(DeliveryResult::undelivered) == 0 &&
                static_cast<std::size_t>(DeliveryResult::failed) == 3);
  results_[index(delivery.result)].add();
  delivered_.add(delivery.delivered);
  gone_.add(delivery.gone);
  failed_.add(delivery.failed.size());
  if (delivery.handed_over != base::Monotonic{}) duration_.record(now - delivery.handed_over);
}

void DeliveryFigures::collect(ports::MetricSet& into) const {
  into.histogram("carillon_publisher_to_processor_latency_seconds",
                 "From taking a message in to handing it to delivery.", ports::HistogramUnit::microseconds,
                 latency_.snapshot());
  into.counter("carillon_high_latency_messages_total",
               "Messages that took longer than high_latency_ms: from publisher to processor (server), or end "
               "to end (client).",
               high_latencies_.value(), {{"measured", "server"}});
  const auto result = [&](std::string name, DeliveryResult which) {
    into.counter("carillon_deliveries_total",
                 "Messages whose delivery to sockets is over: to all live recipients, to some, to none of "
                 "them, or there were none.",
                 results_[index(which)].value(), {{"result", std::move(name)}});
  };
  result("successful", DeliveryResult::delivered);
  result("partial_failure", DeliveryResult::partial_failure);
  result("failure", DeliveryResult::failed);
  result("undelivered", DeliveryResult::undelivered);
  const auto recipients = [&](std::string outcome, const base::Counter& count) {
    into.counter("carillon_recipients_total",
                 "Connections that messages were for: who got them, was gone, or was out of attempts.",
                 count.value(), {{"outcome", std::move(outcome)}});
  };
  recipients("delivered", delivered_);
  recipients("gone", gone_);
  recipients("failed", failed_);
  into.histogram("carillon_delivery_duration_seconds",
                 "From dispatching a message to the sockets' loops until its last recipient is settled.",
                 ports::HistogramUnit::microseconds, duration_.snapshot());
}

}  // namespace carillon::embedded
