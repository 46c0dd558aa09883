#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "bus/fifo_queue.hpp"
#include "bus/standard_queue.hpp"
#include "world.hpp"

namespace carillon::simulation {

/// A backend behind a webhook that fails, is slow and answers twice; with the plainest possible model of
/// what its queue may do: per group a list, of which only the first may be called.
template <typename Queue>
class HookConsumer {
 public:
  static constexpr std::size_t kConcurrency = 4;
  using Exhausted = std::function<void(QueueIndex, Position, int attempts)>;

  HookConsumer(World& world, QueueIndex index)
      : world_(world), index_(index), queue_({.max_attempts = 3, .base = std::chrono::milliseconds(30)}) {}

  void on_exhausted(Exhausted exhausted) { exhausted_ = std::move(exhausted); }

  void enqueue(const model::Message& message) {
    const std::string group =
        message.type == model::MessageType::fifo ? message.group_id : std::to_string(message.position);
    groups_[group].insert(message.position);
    entries_[message.position] = {group};
    if constexpr (std::is_same_v<Queue, bus::FifoQueue>)
      queue_.enqueue(message.position, message.group_id, world_.agenda.wall());
    else
      queue_.enqueue(message.position, world_.agenda.wall());
    pump();
  }

  /// The dead letter is durable.
  void dead_lettered(Position position) {
    require(queue_.settle(position), "a dead letter was not in flight");
    finish(position);
    pump();
  }

  const Queue& queue() const { return queue_; }
  std::optional<Position> low_watermark() const { return queue_.low_watermark(); }

  void check_end() const {
    require(entries_.empty() && queue_.depth() == 0 && queue_.in_flight() == 0,
            "a webhook queue never empties");
  }

 private:
  struct Entry {
    std::string group;
    int calls = 0;
    bool calling = false;
    bool exhausted = false;
    std::optional<base::Monotonic> due;
  };

  void pump() {
    if (calling_ < kConcurrency) {
      std::vector<bus::TakenEntry> taken;
      queue_.take(world_.agenda.now(), kConcurrency - calling_, taken);
      for (const auto& each : taken) call(each);
    }
    check_nobody_is_blocked();
    if (const auto due = queue_.next_due()) world_.in_this_life(*due, [this] { pump_when_due(); });
  }

  void pump_when_due() {
    if (queue_.ready(world_.agenda.now()) && calling_ < kConcurrency) pump();
  }

  void call(const bus::TakenEntry& taken) {
    Entry& entry = entries_.at(taken.position);
    require(*groups_.at(entry.group).begin() == taken.position, "a group's second entry before its first");
    require(!entry.calling && !entry.exhausted, "an entry twice at the consumer");
    require(!entry.due || *entry.due <= world_.agenda.now(), "a retry before its time");
    require(++entry.calls <= 3 && entry.calls == taken.attempt, "more than three attempts");
    entry.calling = true;
    entry.due.reset();
    ++calling_;
    const bool fails = world_.random.percent(world_.nature.hook_failure_percent);
    const base::Monotonic answered_at = world_.agenda.now() + world_.moment(20'000);
    world_.in_this_life(answered_at, [this, position = taken.position, fails] { answer(position, fails); });
    if (!fails && world_.random.percent(10))
      world_.in_this_life(answered_at + world_.moment(), [this, position = taken.position] {
        require(!queue_.settle(position), "a second answer settled something");
      });
  }

  void answer(Position position, bool fails) {
    Entry& entry = entries_.at(position);
    entry.calling = false;
    --calling_;
    if (!fails) {
      require(queue_.settle(position), "an answered call was not in flight");
      world_.oracle.settled(index_, position);
      finish(position);
    } else {
      const auto decision = queue_.retry(position, world_.agenda.now(), world_.random.next());
      require(decision && decision->attempts == entry.calls, "a failed call was not in flight");
      require(decision->exhausted == (entry.calls == 3), "not exactly three attempts");
      if (decision->exhausted) {
        entry.exhausted = true;
        exhausted_(index_, position, decision->attempts);
      } else {
        entry.due = decision->due;
      }
    }
    pump();
  }

  void finish(Position position) {
    const auto entry = entries_.find(position);
    const auto group = groups_.find(entry->second.group);
    group->second.erase(position);
    if (group->second.empty()) groups_.erase(group);
    entries_.erase(entry);
  }

  void check_nobody_is_blocked() const {
    require(queue_.depth() == entries_.size(), "depth is wrong");
    const auto lowest = queue_.low_watermark();
    require(lowest.has_value() == !entries_.empty() && (!lowest || *lowest == entries_.begin()->first),
            "low watermark is wrong");
    if (calling_ >= kConcurrency) return;
    for (const auto& [name, positions] : groups_) {
      const Entry& first = entries_.at(*positions.begin());
      const bool waits = first.due && *first.due > world_.agenda.now();
      require(first.calling || first.exhausted || waits, "a group waits for another");
    }
  }

  World& world_;
  QueueIndex index_;
  Queue queue_;
  Exhausted exhausted_;
  std::map<std::string, std::set<Position>> groups_;
  std::map<Position, Entry> entries_;
  std::size_t calling_ = 0;
};

}  // namespace carillon::simulation
