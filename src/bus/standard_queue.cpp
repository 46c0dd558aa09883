#include "bus/standard_queue.hpp"

#include <algorithm>

namespace carillon::bus {

void StandardQueue::enqueue(model::Position position, base::EpochMs enqueued_at) {
  unsettled_.add(position, enqueued_at);
  waiting_.push_back(position);
}

void StandardQueue::take(base::Monotonic now, std::size_t max, std::vector<TakenEntry>& out) {
  for (; max > 0 && ready(now); --max) {
    model::Position position = 0;
    if (!delayed_.empty() && delayed_.begin()->first <= now) {
      position = delayed_.begin()->second;
      delayed_.erase(delayed_.begin());
    } else {
      position = waiting_.front();
      waiting_.pop_front();
    }
    Active& active = active_[position];
    active.in_flight = true;
    ++active.attempts;
    out.push_back({position, active.attempts, *unsettled_.find(position)});
  }
}

bool StandardQueue::settle(model::Position position) {
  const auto at = active_.find(position);
  if (at == active_.end() || !at->second.in_flight) return false;
  active_.erase(at);
  return unsettled_.remove(position);
}

std::optional<RetryDecision> StandardQueue::retry(model::Position position, base::Monotonic now,
                                                  std::uint64_t random) {
  const auto at = active_.find(position);
  if (at == active_.end() || !at->second.in_flight || at->second.exhausted) return std::nullopt;
  Active& active = at->second;
  RetryDecision decision{.attempts = active.attempts};
  if (retry_.exhausted(active.attempts)) {
    active.exhausted = decision.exhausted = true;
    return decision;
  }
  active.in_flight = false;
  decision.due = now + retry_.delay(active.attempts, random);
  delayed_.emplace(decision.due, position);
  return decision;
}

std::optional<base::Monotonic> StandardQueue::next_due() const {
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

bool StandardQueue::ready(base::Monotonic now) const {
  return !waiting_.empty() || (!delayed_.empty() && delayed_.begin()->first <= now);
}

std::optional<base::EpochMs> StandardQueue::oldest() const {
  if (unsettled_.empty()) return std::nullopt;
  return unsettled_.smallest_value();
}

std::optional<EntryState> StandardQueue::find(model::Position position) const {
  if (!unsettled_.find(position)) return std::nullopt;
  const auto active = active_.find(position);
  if (active == active_.end()) return EntryState{};
  return EntryState{active->second.attempts, active->second.in_flight};
}

std::vector<PeekedEntry> StandardQueue::peek(std::size_t limit) const {
  std::vector<PeekedEntry> found;
  if (limit == 0) return found;
  unsettled_.for_each([&](model::Position position, base::EpochMs enqueued_at) {
    const auto active = active_.find(position);
    found.push_back({position, active == active_.end() ? 0 : active->second.attempts, enqueued_at});
    return found.size() < limit;
  });
  return found;
}

std::vector<model::Position> StandardQueue::purge() {
  std::vector<model::Position> removed(waiting_.begin(), waiting_.end());
  for (const auto& [due, position] : delayed_) {
    active_.erase(position);
    removed.push_back(position);
  }
  waiting_.clear();
  delayed_.clear();
  std::ranges::sort(removed);
  for (const model::Position position : removed) unsettled_.remove(position);
  return removed;
}

}  // namespace carillon::bus
