#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "model/message.hpp"

namespace carillon::bus {

using model::Position;

/// The positions of a queue that are not settled yet, with something about each. They come in rising order
/// and go in any; what is asked for is the smallest, which is where a restart has to begin reading. Memory
/// stays within twice what is held, however long the smallest one takes. add O(1), remove and find
/// O(log n), all amortised. One loop only.
template <typename Value>
class UnsettledPositions {
 public:
  /// `position` must be above all that were added before.
  void add(Position position, Value value) {
    assert(entries_.empty() || position > place(entries_.back().first));
    entries_.emplace_back(position, std::move(value));
    ++live_;
  }

  /// False when it is not there.
  bool remove(Position position) {
    auto* entry = lookup(entries_, position);
    if (!entry) return false;
    entry->first |= kRemoved;
    entry->second = Value();
    --live_;
    while (!entries_.empty() && removed(entries_.front())) entries_.pop_front();
    if (entries_.size() > 2 * live_ + kSlack) compact();
    return true;
  }

  const Value* find(Position position) const {
    const auto* entry = lookup(entries_, position);
    return entry ? &entry->second : nullptr;
  }

  std::size_t size() const { return live_; }
  bool empty() const { return live_ == 0; }
  /// The smallest position; nothing when there is none.
  std::optional<Position> smallest() const {
    if (entries_.empty()) return std::nullopt;
    return entries_.front().first;
  }
  /// The smallest position's value; only when there is one.
  const Value& smallest_value() const { return entries_.front().second; }

  /// Calls `each(position, value)` in rising order until it answers false.
  template <typename Each>
  void for_each(Each&& each) const {
    for (const auto& entry : entries_)
      if (!removed(entry) && !each(entry.first, entry.second)) return;
  }

  void clear() {
    entries_.clear();
    live_ = 0;
  }

 private:
  using Entry = std::pair<Position, Value>;
  static constexpr Position kRemoved = 1ull << 63;
  static constexpr std::size_t kSlack = 64;

  static Position place(Position position) { return position & ~kRemoved; }
  static bool removed(const Entry& entry) { return (entry.first & kRemoved) != 0; }

  template <typename Entries>
  static auto lookup(Entries& entries, Position position) -> decltype(&entries.front()) {
    auto at =
        std::lower_bound(entries.begin(), entries.end(), position,
                         [](const Entry& entry, Position wanted) { return place(entry.first) < wanted; });
    return at != entries.end() && at->first == position ? &*at : nullptr;
  }
  void compact() {
    std::erase_if(entries_, [](const Entry& entry) { return removed(entry); });
    entries_.shrink_to_fit();
  }

  std::deque<Entry> entries_;  ///< the first one is never a removed one
  std::size_t live_ = 0;
};

}  // namespace carillon::bus
