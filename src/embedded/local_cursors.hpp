#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bus/topic.hpp"
#include "embedded/local_bus.hpp"
#include "embedded/store.hpp"

namespace carillon::embedded {

/// How far each queue is settled, on disk: where a restart begins, and what of the log may go. The storage
/// queue keeps its own cursor with the message table. Bus loop only.
class LocalCursors {
 public:
  /// `settled_up_to` tells how far a queue is settled now.
  LocalCursors(const bus::Topics& topics, Store& store, LocalBus& bus,
               std::function<model::Position(bus::QueueIndex)> settled_up_to);

  /// Reads the cursors; a queue that has none begins after `end` and is written down so. Errors: the store's.
  base::Result<void> load(model::Position end);
  model::Position of(bus::QueueIndex queue) const { return persisted_[queue]; }
  /// The smallest of all, the storage queue's included.
  model::Position smallest() const;

  /// Writes what has moved; `done` once it is durable, at once when nothing has.
  void persist(std::move_only_function<void()> done = [] {});
  /// Trims the log up to what every queue has settled; gives the position before which its files may be
  /// reclaimed, 0 when nothing is to be gained.
  void trim(std::move_only_function<void(model::Position before)> reclaim);

 private:
  const bus::Topics& topics_;
  Store& store_;
  LocalBus& bus_;
  std::function<model::Position(bus::QueueIndex)> settled_up_to_;
  std::vector<model::Position> persisted_;
  model::Position trimmed_ = 0;
};

}  // namespace carillon::embedded
