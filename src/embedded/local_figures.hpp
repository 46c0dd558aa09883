#pragma once

#include "base/recorder.hpp"
#include "embedded/local_bus.hpp"
#include "embedded/local_channels.hpp"
#include "embedded/local_delivery.hpp"
#include "embedded/local_permission_table.hpp"
#include "embedded/message_lines.hpp"
#include "embedded/queue_figures.hpp"
#include "embedded/store_watch.hpp"
#include "message_storage/message_storage.hpp"
#include "ports/loop_due.hpp"
#include "ports/metric_set.hpp"

namespace carillon::embedded {

/// The figures of the bus and of the embedded store, from the parts that keep them.
class LocalFigures final : public ports::MetricSource {
 public:
  struct Parts {
    const LocalBus& bus;
    const QueueFigures& queues;
    const DeliveryResults& results;
    const LocalDelivery& delivery;
    const MessageLines& lines;
    const LocalChannels& channels;
    const LocalPermissionTable& permissions;
    const message_storage::MessageStorage& storage;
    const Store& store;
    const StoreWatch& watch;
    const base::Recorder& loop_lag;  ///< of the bus loop
    const ports::LoopDue& loop_due;
  };
  explicit LocalFigures(const Parts& parts) : parts_(parts) {}

  void collect(ports::MetricSet& into) const override;

 private:
  Parts parts_;
};

}  // namespace carillon::embedded
