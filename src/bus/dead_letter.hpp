#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "model/message.hpp"
#include "ports/queue_admin.hpp"

namespace carillon::bus {

/// A message that could not be delivered, as it stands in a dead letter queue.
struct DeadLetter {
  model::MessagePtr message;
  int attempts = 0;
  std::vector<ports::FailedRecipient> failed;  ///< empty for queues whose consumer is one backend
  std::string reason;
  base::EpochMs dead_at = 0;
};

/// What stands in one dead letter queue: order and names only, the bodies stay in the store. A letter's place
/// is its message's position, which is the store's key for it; a message that dies again (after a redrive)
/// has another one. Messages die in any order: the oldest letter is the one that died first. Bus loop only.
class DeadLetterIndex {
 public:
  struct Limits {
    std::chrono::milliseconds retention{std::chrono::hours(14 * 24)};
    std::uint64_t max_bytes = 1ull << 30;
    std::size_t max_count = 1'000'000;
  };
  explicit DeadLetterIndex(Limits limits) : limits_(limits) {}

  /// `bytes` is what it takes in the store. A place that is there already stays as it is.
  void add(model::Position place, const model::MessageId& id, base::EpochMs dead_at, std::uint32_t bytes);
  bool remove(model::Position place);

  /// The oldest ones' places, oldest first.
  std::vector<model::Position> oldest(std::size_t limit) const;
  /// Where a message stands, oldest first; empty when it is not here.
  std::vector<model::Position> find(const model::MessageId& id) const;
  /// The places that are over the limits of age, size or number: to be removed from the store, then here.
  std::vector<model::Position> over_limits(base::EpochMs now) const;
  /// When the oldest will be over age; nothing when there is none.
  std::optional<base::EpochMs> next_expiry() const;

  std::size_t depth() const { return entries_.size(); }
  std::uint64_t bytes() const { return bytes_; }
  std::optional<base::EpochMs> oldest_dead_at() const;

 private:
  struct Entry {
    model::MessageId id;
    base::EpochMs dead_at = 0;
    std::uint32_t bytes = 0;
  };

  Limits limits_;
  std::unordered_map<model::Position, Entry> entries_;
  std::set<std::pair<base::EpochMs, model::Position>> by_death_;
  std::unordered_multimap<model::MessageId, model::Position> by_id_;
  std::uint64_t bytes_ = 0;
};

}  // namespace carillon::bus
