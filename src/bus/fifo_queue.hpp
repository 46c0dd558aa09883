#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "bus/queue_entry.hpp"
#include "bus/retry_policy.hpp"
#include "bus/unsettled_positions.hpp"

namespace carillon::bus {

/// A queue with strict order inside a message group: one entry of a group is in flight at a time, and the
/// next one only after settle(). A group whose entry waits for its retry waits alone. Holds positions only;
/// a group is forgotten with its last entry. One loop only; time is passed in.
class FifoQueue {
 public:
  explicit FifoQueue(RetryPolicy retry) : retry_(retry) {}
  FifoQueue(const FifoQueue&) = delete;
  FifoQueue& operator=(const FifoQueue&) = delete;

  /// Positions rise. The empty group is a group like any other.
  void enqueue(model::Position position, std::string_view group, base::EpochMs enqueued_at);
  /// Appends up to `max` entries, each the first of its group; groups in the order in which they got ready.
  void take(base::Monotonic now, std::size_t max, std::vector<TakenEntry>& out);
  /// The entry is done, or durably dead-lettered: unlocks its group. False when it is not in flight.
  bool settle(model::Position position);
  /// An attempt failed. An exhausted entry stays in flight, its group locked, until it is settled. Nothing
  /// when it is not in flight, or was exhausted before.
  std::optional<RetryDecision> retry(model::Position position, base::Monotonic now, std::uint64_t random);
  /// When take() will have something that it does not have now; nothing when no retry waits.
  std::optional<base::Monotonic> next_due() const;
  /// Whether take() would give something at `now`.
  bool ready(base::Monotonic now) const;

  std::size_t depth() const { return unsettled_.size(); }  ///< waiting, in flight, waiting for a retry
  std::size_t in_flight() const { return in_flight_.size(); }
  std::size_t groups() const { return groups_.size(); }
  std::optional<base::EpochMs> oldest() const;
  /// The smallest unsettled position: everything before it is settled. Nothing when all is.
  std::optional<model::Position> low_watermark() const { return unsettled_.smallest(); }
  /// Nothing when there is no such entry, or it is settled.
  std::optional<EntryState> find(model::Position position) const;
  /// Oldest first.
  std::vector<PeekedEntry> peek(std::size_t limit) const;
  /// Removes what is not in flight and gives its positions, rising.
  std::vector<model::Position> purge();

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  struct Group {
    std::uint32_t head = kNone;
    std::uint32_t tail = kNone;
    bool locked = false;  ///< its head is in flight or waits for its retry
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  using Groups = std::unordered_map<std::string, Group, NameHash, std::equal_to<>>;
  /// One entry, linked to the next of its group.
  struct Slot {
    model::Position position = 0;
    base::EpochMs enqueued_at = 0;
    Groups::value_type* group = nullptr;
    std::uint32_t next = kNone;
    std::uint16_t attempts = 0;
    bool exhausted = false;
  };

  std::uint32_t new_slot(const Slot& slot);
  void free_slot(std::uint32_t index);
  void take_head(Groups::value_type& group, std::vector<TakenEntry>& out);
  /// Takes the first entry away and lets the next one be taken, or forgets the group.
  void pop_head(Groups::value_type& group);
  /// Takes away what waits in a group; true when nothing is left of it.
  bool purge_group(Group& group, std::vector<model::Position>& removed);

  RetryPolicy retry_;
  Groups groups_;
  std::vector<Slot> slots_;
  std::uint32_t free_ = kNone;
  UnsettledPositions<std::uint32_t> unsettled_;  ///< position to slot
  std::deque<Groups::value_type*> ready_;        ///< groups that are not locked, each once
  std::map<std::pair<base::Monotonic, model::Position>, Groups::value_type*> delayed_;
  std::unordered_map<model::Position, std::uint32_t> in_flight_;  ///< position to slot
};

}  // namespace carillon::bus
