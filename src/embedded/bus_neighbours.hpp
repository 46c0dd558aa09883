#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "bus/topic.hpp"
#include "model/message.hpp"

namespace carillon::embedded {

/// What LocalBus asks of its neighbours, on the bus loop unless it says otherwise.
struct BusNeighbours {
  /// Whether these queues take one more message (their limits, the disk). Errors: overloaded.
  std::function<base::Result<void>(bus::QueueMask)> admit;
  /// How long to hold the next batch back, so that what consumes the log keeps up; mostly 0.
  std::function<std::chrono::microseconds()> pace;
  /// Durable messages, in order of position, with the queues that take each. `durable_ns` is since when, by
  /// the wall clock; 0 unless one of them has spans.
  std::function<void(std::vector<std::pair<model::MessagePtr, bus::QueueMask>>, std::int64_t durable_ns)>
      committed;
  /// Messages without durability: to be delivered now.
  std::function<void(std::vector<model::MessagePtr>)> ephemeral;
  /// The store failed and is about to be reopened. Called on the writer thread.
  std::function<void()> failed;
  /// The store was reopened: messages from `from` on may be in the log without having been handed on.
  std::function<void(model::Position from)> recover;
};

}  // namespace carillon::embedded
