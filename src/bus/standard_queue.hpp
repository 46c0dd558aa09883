#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "bus/queue_entry.hpp"
#include "bus/retry_policy.hpp"
#include "bus/unsettled_positions.hpp"

namespace carillon::bus {

/// A queue without order: what waits, what its consumer has, what waits for another attempt. Holds
/// positions only; the messages stay in the log. Every entry stays unsettled until settle(): a crash before
/// that brings it back. One loop only; time is passed in.
class StandardQueue {
 public:
  explicit StandardQueue(RetryPolicy retry) : retry_(retry) {}

  /// Positions rise.
  void enqueue(model::Position position, base::EpochMs enqueued_at);
  /// Appends up to `max` entries whose time has come: due retries first, then what waits, oldest first.
  void take(base::Monotonic now, std::size_t max, std::vector<TakenEntry>& out);
  /// The entry is done, or durably dead-lettered. False when it is not in flight (a late or second answer).
  bool settle(model::Position position);
  /// An attempt failed. An exhausted entry stays in flight until it is settled. Nothing when it is not in
  /// flight, or was exhausted before.
  std::optional<RetryDecision> retry(model::Position position, base::Monotonic now, std::uint64_t random);
  /// When take() will have something that it does not have now; nothing when no retry waits.
  std::optional<base::Monotonic> next_due() const;
  /// Whether take() would give something at `now`.
  bool ready(base::Monotonic now) const;

  std::size_t depth() const { return unsettled_.size(); }  ///< waiting, in flight, waiting for a retry
  std::size_t in_flight() const { return depth() - waiting_.size() - delayed_.size(); }
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
  struct Active {
    int attempts = 0;
    bool in_flight = true;
    bool exhausted = false;
  };

  RetryPolicy retry_;
  UnsettledPositions<base::EpochMs> unsettled_;
  std::deque<model::Position> waiting_;
  std::set<std::pair<base::Monotonic, model::Position>> delayed_;
  std::unordered_map<model::Position, Active> active_;  ///< what was taken at least once
};

}  // namespace carillon::bus
