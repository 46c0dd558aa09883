#include "bus/fifo_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace carillon::bus {
namespace {

/// Slots that an emptied queue keeps for the next messages.
constexpr std::size_t kKeptSlots = 4096;

}  // namespace

void FifoQueue::enqueue(model::Position position, std::string_view name, base::EpochMs enqueued_at) {
  auto at = groups_.find(name);
  if (at == groups_.end()) at = groups_.try_emplace(std::string(name)).first;
  Groups::value_type* entry = &*at;
  const std::uint32_t slot =
      new_slot({.position = position, .enqueued_at = enqueued_at, .group = entry, .next = kNone});
  unsettled_.add(position, slot);
  Group& group = entry->second;
  if (group.head == kNone) {
    group.head = slot;
    ready_.push_back(entry);
  } else {
    slots_[group.tail].next = slot;
  }
  group.tail = slot;
}

void FifoQueue::take(base::Monotonic now, std::size_t max, std::vector<TakenEntry>& out) {
  for (; max > 0 && ready(now); --max) {
    Groups::value_type* group = nullptr;
    if (!delayed_.empty() && delayed_.begin()->first.first <= now) {
      group = delayed_.begin()->second;
      delayed_.erase(delayed_.begin());
    } else {
      group = ready_.front();
      ready_.pop_front();
    }
    take_head(*group, out);
  }
}

void FifoQueue::take_head(Groups::value_type& group, std::vector<TakenEntry>& out) {
  Slot& slot = slots_[group.second.head];
  group.second.locked = true;
  ++slot.attempts;
  in_flight_.emplace(slot.position, group.second.head);
  out.push_back({slot.position, slot.attempts, slot.enqueued_at});
}

bool FifoQueue::settle(model::Position position) {
  const auto at = in_flight_.find(position);
  if (at == in_flight_.end()) return false;
  Groups::value_type* group = slots_[at->second].group;
  in_flight_.erase(at);
  unsettled_.remove(position);
  pop_head(*group);
  return true;
}

void FifoQueue::pop_head(Groups::value_type& entry) {
  Group& group = entry.second;
  const std::uint32_t done = group.head;
  group.head = slots_[done].next;
  group.locked = false;
  free_slot(done);
  if (group.head != kNone) {
    ready_.push_back(&entry);
  } else {
    groups_.erase(groups_.find(entry.first));
  }
}

std::optional<RetryDecision> FifoQueue::retry(model::Position position, base::Monotonic now,
                                              std::uint64_t random) {
  const auto at = in_flight_.find(position);
  if (at == in_flight_.end() || slots_[at->second].exhausted) return std::nullopt;
  Slot& slot = slots_[at->second];
  RetryDecision decision{.attempts = slot.attempts};
  if (retry_.exhausted(slot.attempts)) {
    slot.exhausted = decision.exhausted = true;
    return decision;
  }
  decision.due = now + retry_.delay(slot.attempts, random);
  delayed_.emplace(std::pair(decision.due, position), slot.group);
  in_flight_.erase(at);
  return decision;
}

std::optional<base::Monotonic> FifoQueue::next_due() const {
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first.first;
}

bool FifoQueue::ready(base::Monotonic now) const {
  return !ready_.empty() || (!delayed_.empty() && delayed_.begin()->first.first <= now);
}

std::optional<base::EpochMs> FifoQueue::oldest() const {
  if (unsettled_.empty()) return std::nullopt;
  return slots_[unsettled_.smallest_value()].enqueued_at;
}

std::optional<EntryState> FifoQueue::find(model::Position position) const {
  const std::uint32_t* const slot = unsettled_.find(position);
  if (!slot) return std::nullopt;
  return EntryState{slots_[*slot].attempts, in_flight_.contains(position)};
}

std::vector<PeekedEntry> FifoQueue::peek(std::size_t limit) const {
  std::vector<PeekedEntry> found;
  if (limit == 0) return found;
  unsettled_.for_each([&](model::Position position, std::uint32_t slot) {
    found.push_back({position, slots_[slot].attempts, slots_[slot].enqueued_at});
    return found.size() < limit;
  });
  return found;
}

bool FifoQueue::purge_group(Group& group, std::vector<model::Position>& removed) {
  std::uint32_t at = group.head;
  const bool keep_head = in_flight_.contains(slots_[at].position);
  if (keep_head) {
    at = slots_[group.head].next;
    slots_[group.head].next = kNone;
    group.tail = group.head;
  }
  while (at != kNone) {
    const std::uint32_t next = slots_[at].next;
    removed.push_back(slots_[at].position);
    free_slot(at);
    at = next;
  }
  return !keep_head;
}

std::vector<model::Position> FifoQueue::purge() {
  std::vector<model::Position> removed;
  ready_.clear();
  delayed_.clear();
  for (auto at = groups_.begin(); at != groups_.end();)
    at = purge_group(at->second, removed) ? groups_.erase(at) : std::next(at);
  std::ranges::sort(removed);
  for (const model::Position position : removed) unsettled_.remove(position);
  return removed;
}

std::uint32_t FifoQueue::new_slot(const Slot& slot) {
  if (free_ == kNone) {
    slots_.push_back(slot);
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t index = free_;
  free_ = slots_[index].next;
  slots_[index] = slot;
  return index;
}

void FifoQueue::free_slot(std::uint32_t index) {
  slots_[index] = Slot{.next = free_};
  free_ = index;
  if (unsettled_.empty() && slots_.size() > kKeptSlots) {
    slots_ = {};
    free_ = kNone;
  }
}

}  // namespace carillon::bus
