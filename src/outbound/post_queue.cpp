#include "outbound/post_queue.hpp"

#include <algorithm>
#include <cassert>

namespace carillon::outbound {

using std::chrono::milliseconds;

PostQueue::PostQueue(const std::vector<WhenFull>& groups, Limits limits) : limits_(limits) {
  for (const WhenFull each : groups) groups_.push_back({.when_full = each});
}

std::optional<PostQueue::Number> PostQueue::add(Post post, base::Monotonic now,
                                                std::vector<Number>& given_up) {
  Group& group = groups_[post.group];
  if (group.when_full == WhenFull::newcomer_is_refused && !has_room(post)) return std::nullopt;
  const Number number = ++last_;
  auto& lane = lanes_[post.lane];
  lane.push_back(number);
  group.waiting.insert(number);
  group.bytes += post.bytes;
  Entry& entry = entries_.emplace(number, Entry{.post = std::move(post)}).first->second;
  if (entry.post.plan->in_all) {
    entry.deadline = now + *entry.post.plan->in_all;
    set_wake(number, entry, entry.deadline);
  }
  if (lane.size() == 1)
    make_ready(number, entry);
  else if (lane.size() - 1 > limits_.waiting_in_lane)
    make_room_in_lane(entry.post.lane, given_up);
  if (group.when_full == WhenFull::oldest_gives_way) make_room(group, given_up);
  return number;
}

bool PostQueue::has_room(const Post& post) const {
  const Group& group = groups_[post.group];
  const auto lane = lanes_.find(post.lane);
  return group.waiting.size() < limits_.waiting && group.bytes + post.bytes <= limits_.waiting_bytes &&
         (lane == lanes_.end() || lane->second.size() <= limits_.waiting_in_lane);
}

void PostQueue::make_room(Group& group, std::vector<Number>& given_up) {
  while (!group.waiting.empty() &&
         (group.waiting.size() > limits_.waiting || group.bytes > limits_.waiting_bytes)) {
    const Number oldest = *group.waiting.begin();
    given_up.push_back(oldest);
    remove(oldest);
  }
}

/// The lane's last is of a group whose oldest gives way.
void PostQueue::make_room_in_lane(const std::string& lane, std::vector<Number>& given_up) {
  const auto& numbers = lanes_.at(lane);
  const Number oldest = *std::find_if(numbers.begin() + 1, numbers.end(), [this](Number each) {
    return groups_[entries_.at(each).post.group].when_full == WhenFull::oldest_gives_way;
  });
  given_up.push_back(oldest);
  remove(oldest);
}

void PostQueue::take(base::Monotonic now, std::vector<Number>& to_send, std::vector<Number>& given_up) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const Number number = timers_.begin()->second;
    Entry& entry = entries_.at(number);
    if (entry.deadline <= now) {
      given_up.push_back(number);
      remove(number);
    } else {
      set_wake(number, entry, entry.deadline);
      make_ready(number, entry);
    }
  }
  for (Group& group : groups_) {
    while (!group.ready.empty() && under_way_ < limits_.under_way &&
           group.under_way < limits_.under_way_of_group) {
      const Number number = group.ready.front();
      group.ready.pop_front();
      const auto found = entries_.find(number);
      if (found == entries_.end() || found->second.state != State::ready) continue;
      set_wake(number, found->second, base::Monotonic::max());
      found->second.state = State::under_way;
      group.waiting.erase(number);
      ++group.under_way;
      ++under_way_;
      to_send.push_back(number);
    }
  }
}

milliseconds PostQueue::time_for(Number number, base::Monotonic now) const {
  const Entry& entry = entries_.at(number);
  if (entry.deadline == base::Monotonic::max()) return entry.post.plan->attempt;
  const auto left = std::chrono::ceil<milliseconds>(entry.deadline - now);
  return std::clamp(left, milliseconds(1), entry.post.plan->attempt);
}

PostQueue::Failure PostQueue::fail(Number number, base::Monotonic now, std::uint64_t random) {
  Entry& entry = entries_.at(number);
  assert(entry.state == State::under_way);
  const auto& pauses = entry.post.plan->pauses;
  Failure failure{++entry.attempts, entry.last_attempt};
  if (static_cast<std::size_t>(entry.attempts) > pauses.size()) failure.given_up = true;
  if (!failure.given_up) {
    milliseconds pause = pauses[static_cast<std::size_t>(entry.attempts) - 1];
    if (entry.post.plan->jitter)
      pause -= milliseconds(random % static_cast<std::uint64_t>(pause.count() / 2 + 1));
    const base::Monotonic due = now + pause;
    failure.given_up = due >= entry.deadline;
    if (!failure.given_up) {
      entry.state = State::pausing;
      Group& group = groups_[entry.post.group];
      group.waiting.insert(number);
      --group.under_way;
      --under_way_;
      set_wake(number, entry, due);
    }
  }
  if (failure.given_up) remove(number);
  return failure;
}

bool PostQueue::withdraw(Number number) {
  Entry& entry = entries_.at(number);
  if (entry.state == State::under_way) {
    entry.last_attempt = true;
    return false;
  }
  remove(number);
  return true;
}

std::optional<base::Monotonic> PostQueue::next_due() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

void PostQueue::make_ready(Number number, Entry& entry) {
  if (entry.state == State::ready) return;
  entry.state = State::ready;
  groups_[entry.post.group].ready.push_back(number);
}

void PostQueue::set_wake(Number number, Entry& entry, base::Monotonic when) {
  if (entry.wake != base::Monotonic::max()) timers_.erase({entry.wake, number});
  entry.wake = when;
  if (when != base::Monotonic::max()) timers_.emplace(when, number);
}

void PostQueue::remove(Number number) {
  const auto found = entries_.find(number);
  Entry& entry = found->second;
  Group& group = groups_[entry.post.group];
  set_wake(number, entry, base::Monotonic::max());
  if (entry.state == State::under_way) {
    --group.under_way;
    --under_way_;
  }
  group.waiting.erase(number);
  group.bytes -= entry.post.bytes;
  const auto lane = lanes_.find(entry.post.lane);
  const bool first = lane->second.front() == number;
  lane->second.erase(std::ranges::find(lane->second, number));
  if (lane->second.empty()) {
    lanes_.erase(lane);
  } else if (first) {
    const Number next = lane->second.front();
    make_ready(next, entries_.at(next));
  }
  entries_.erase(found);
}

}  // namespace carillon::outbound
