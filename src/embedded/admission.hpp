#pragma once

#include <chrono>

#include "bus/settings.hpp"
#include "embedded/local_queues.hpp"
#include "embedded/store_watch.hpp"

namespace carillon::embedded {

/// Whether the node takes one more message, and how fast (CONTRACT §7, `Service overloaded`): by the depth of
/// its queues and the space on its disk. Bus loop only.
class Admission {
 public:
  Admission(const bus::Settings& settings, const LocalBus& bus, const LocalQueues& queues,
            const message_storage::MessageStorage& storage, const StoreWatch& watch)
      : settings_(settings), bus_(bus), queues_(queues), storage_(storage), watch_(watch) {}

  /// Whether each queue that would take the message may have one more. Errors: overloaded.
  base::Result<void> admit(bus::QueueMask queues);
  /// How long to hold the next batch back. From a quarter of the limit on, publishing slows down to what
  /// storage takes, before it is refused.
  std::chrono::microseconds pace() const;
  /// Looks how far storage is: now and then.
  void look() { storage_settled_ = storage_.status().settled; }

 private:
  bool over(bus::QueueIndex queue);
  std::uint64_t unstored() const { return bus_.last_position() - storage_settled_; }

  const bus::Settings& settings_;
  const LocalBus& bus_;
  const LocalQueues& queues_;
  const message_storage::MessageStorage& storage_;
  const StoreWatch& watch_;
  model::Position storage_settled_ = 0;  ///< as of the last look
};

}  // namespace carillon::embedded
