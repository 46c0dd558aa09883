#pragma once

#include "base/event_loop.hpp"
#include "bus/topic.hpp"
#include "embedded/local_bus.hpp"
#include "embedded/local_channels.hpp"
#include "embedded/local_dead_letters.hpp"
#include "embedded/local_delivery.hpp"
#include "embedded/queue_figures.hpp"
#include "message_storage/message_storage.hpp"
#include "ports/queue_admin.hpp"

namespace carillon::embedded {

/// Looks into the queues and acts on them. Any thread may call; all is done on the bus loop.
class LocalQueues final : public ports::QueueAdmin {
 public:
  LocalQueues(base::EventLoop& loop, const bus::Topics& topics, const Store& store, LocalBus& bus,
              LocalDelivery& delivery, LocalChannels& channels, LocalDeadLetters& dead_letters,
              const message_storage::MessageStorage& storage);

  void list(ports::Completion<std::vector<ports::QueueInfo>> done) override;
  void peek(std::string queue, std::size_t limit,
            ports::Completion<std::vector<ports::QueuedMessage>> done) override;
  void purge(std::string queue, ports::Completion<std::uint64_t> done) override;
  void redrive(std::string queue, std::vector<model::MessageId> ids,
               ports::Completion<std::uint64_t> done) override;

  // Bus loop only.
  std::uint64_t depth(bus::QueueIndex queue) const;
  /// How the queues stand now, for whoever asks from another thread.
  void show_levels(QueueFigures& figures) const;
  /// Everything up to it is settled.
  model::Position settled_up_to(bus::QueueIndex queue) const;

 private:
  QueueFigures::Levels levels(bus::QueueIndex queue) const;
  ports::QueueInfo describe(bus::QueueIndex queue) const;
  base::Result<std::vector<ports::QueuedMessage>> look_into(bus::QueueIndex queue, std::size_t limit) const;
  void purge_channel(bus::QueueIndex queue, ports::Completion<std::uint64_t> done);

  base::EventLoop& loop_;
  const bus::Topics& topics_;
  const Store& store_;
  LocalBus& bus_;
  LocalDelivery& delivery_;
  LocalChannels& channels_;
  LocalDeadLetters& dead_letters_;
  const message_storage::MessageStorage& storage_;
};

}  // namespace carillon::embedded
