#include "embedded/local_figures.hpp"

namespace carillon::embedded {

void LocalFigures::collect(ports::MetricSet& into) const {
  parts_.bus.figures().collect(into);
  parts_.bus.commit_figures().collect(into);
  parts_.queues.collect(into);
  parts_.delivery.figures().collect(into);
  parts_.lines.collect(into);
  parts_.channels.collect(into);
  parts_.permissions.collect(into);
  parts_.watch.collect(into);
  into.counter("carillon_delivery_results_dropped_total",
               "Results of deliveries that were dropped, as too many waited for the disk: traces lack them.",
               parts_.results.dropped());
  const message_storage::Counts& stored = parts_.storage.counts();
  into.counter("carillon_messages_stored_total", "Messages put into history.", stored.stored.value());
  into.counter(
      "carillon_storage_failures_total",
      "Writes into history that failed and single messages that it did not take; both are tried again.",
      stored.failed_writes.value() + stored.retried.value());
  ports::collect_suppressed(into, "message_storage_failed", parts_.storage.lines_suppressed());
  into.gauge("carillon_store_usable", "0 from a failed write until the store was opened again.",
             parts_.store.failed() ? 0 : 1);
  into.histogram("carillon_loop_lag_seconds", "How late event loops come by.",
                 ports::HistogramUnit::microseconds, parts_.loop_lag.snapshot(), {{"loop", "bus"}});
  parts_.loop_due.collect(into, "bus");
}

}  // namespace carillon::embedded
