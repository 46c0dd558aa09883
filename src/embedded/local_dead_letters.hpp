#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bus/dead_letter.hpp"
#include "bus/settings.hpp"
#include "bus/topic.hpp"
#include "embedded/local_bus.hpp"
#include "embedded/message_lines.hpp"
#include "embedded/queue_figures.hpp"
#include "embedded/store.hpp"

namespace carillon::embedded {

/// The dead letter queues: moves to and from them are single durable steps (CONTRACT §11). Bus loop only.
class LocalDeadLetters {
 public:
  LocalDeadLetters(const bus::Settings& settings, const bus::Topics& topics, Store& store, LocalBus& bus,
                   QueueFigures& figures, MessageLines& lines);

  /// Reads what stands in the store. Errors: the store's.
  base::Result<void> load();

  /// Makes the letter durable and its position settled in `queue`; tries again until it is, then runs `done`.
  void bury(bus::QueueIndex queue, ports::QueuedMessage letter, std::move_only_function<void()> done);
  void purge(bus::QueueIndex queue, ports::Completion<std::uint64_t> done);
  /// Back to the queue, all of those that stand there now when `ids` is empty. Errors: not_found.
  void redrive(bus::QueueIndex queue, std::vector<model::MessageId> ids,
               ports::Completion<std::uint64_t> done);
  base::Result<std::vector<ports::QueuedMessage>> peek(bus::QueueIndex queue, std::size_t limit) const;

  /// Drops what is over age or size; what is dropped is counted and logged.
  void sweep(base::EpochMs now);
  std::size_t depth(bus::QueueIndex queue) const { return indexes_[queue].depth(); }
  std::optional<base::EpochMs> oldest(bus::QueueIndex queue) const {
    return indexes_[queue].oldest_dead_at();
  }

 private:
  struct Redrive;
  const std::string& name(bus::QueueIndex queue) const { return topics_.queues()[queue].dead_letter_queue; }
  void remove(bus::QueueIndex queue, std::vector<model::Position> places,
              ports::Completion<std::uint64_t> done);
  base::Result<std::optional<ports::QueuedMessage>> read(bus::QueueIndex queue, model::Position place) const;
  void redrive_next(std::shared_ptr<Redrive> redrive);
  bool stage_redrive(Redrive& redrive, CommitBatch& batch);
  void show_depth(bus::QueueIndex queue) { figures_.set_dead_letters(queue, indexes_[queue].depth()); }

  const bus::Topics& topics_;
  Store& store_;
  LocalBus& bus_;
  QueueFigures& figures_;
  MessageLines& lines_;
  std::vector<bus::DeadLetterIndex> indexes_;  ///< by queue
};

}  // namespace carillon::embedded
