#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bus/topic.hpp"
#include "embedded/delivery_results.hpp"
#include "embedded/local_bus.hpp"
#include "embedded/store.hpp"

namespace carillon::embedded {

/// How far each queue is settled, on disk, and what became of what was settled: where a restart begins, and
/// what of the log may go. The storage queue keeps its own cursor with the message table. Bus loop only.
class LocalCursors {
 public:
  /// `settled_up_to` tells how far a queue is settled now.
  LocalCursors(const bus::Topics& topics, Store& store, LocalBus& bus, DeliveryResults& results,
               std::function<model::Position(bus::QueueIndex)> settled_up_to);

  /// Reads the cursors; a queue that has none begins after `end` and is written down so. Errors: the store's.
  base::Result<void> load(model::Position end);
  model::Position of(bus::QueueIndex queue) const { return persisted_[queue]; }
  /// The smallest of all, the storage queue's included.
  model::Position smallest() const;

  /// Writes what has moved and the results that wait, in one step; `done` once it is durable, at once when
  /// nothing has.
  void persist(std::move_only_function<void()> done = [] {});
  /// Trims the log up to what every queue has settled, once that is much, or with `all` whatever it is; gives
  /// the position before which its files may be reclaimed. Nothing is written when there is nothing to trim.
  void trim(bool all, std::move_only_function<void(model::Position before)> reclaim);

 private:
  const bus::Topics& topics_;
  Store& store_;
  LocalBus& bus_;
  DeliveryResults& results_;
  std::function<model::Position(bus::QueueIndex)> settled_up_to_;
  std::vector<model::Position> persisted_;
  model::Position trimmed_ = 0;  ///< the log has nothing before it
};

}  // namespace carillon::embedded
