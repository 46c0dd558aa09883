#include "message_storage/storage_progress.hpp"

#include <algorithm>

namespace carillon::message_storage {
namespace {

/// Doubles with every attempt made.
std::chrono::milliseconds pause_after(int attempts, std::chrono::milliseconds base) {
  const int doublings = std::clamp(attempts - 1, 0, 16);
  return std::min(base * (1 << doublings), std::chrono::milliseconds(StorageProgress::kLongestPause));
}

}  // namespace

void StorageProgress::resume(model::Position cursor, const std::vector<model::Position>& settled) {
  next_ = cursor + 1;
  failing_.clear();
  marks_ = std::set<model::Position>(settled.begin(), settled.end());
}

void StorageProgress::skip_to(model::Position position) {
  next_ = std::max(next_, position);
}

bool StorageProgress::take(const model::Message& message, std::string_view queue) {
  next_ = message.position + 1;
  if (message.redrive && message.redrive->queue != queue) return false;
  return !marks_.contains(message.position);
}

void StorageProgress::failed(const model::MessagePtr& message, std::string reason, base::Monotonic now) {
  Failing& failing = failing_[message->position];
  failing.message = message;
  failing.reason = std::move(reason);
  ++failing.attempts;
  failing.due = failing.attempts >= policy_.max_attempts
                    ? now
                    : now + pause_after(failing.attempts, policy_.retry_base);
}

std::vector<model::MessagePtr> StorageProgress::due_again(base::Monotonic now) const {
  std::vector<model::MessagePtr> due;
  for (const auto& [position, failing] : failing_)
    if (failing.attempts < policy_.max_attempts && failing.due <= now) due.push_back(failing.message);
  return due;
}

std::vector<StorageProgress::Failing> StorageProgress::take_exhausted(base::Monotonic now) {
  std::vector<Failing> exhausted;
  for (auto& [position, failing] : failing_) {
    if (failing.attempts < policy_.max_attempts || failing.handed_over || failing.due > now) continue;
    failing.handed_over = true;
    exhausted.push_back(failing);
  }
  return exhausted;
}

void StorageProgress::buried(model::Position position) {
  failing_.erase(position);
  marks_.insert(position);
}

void StorageProgress::not_buried(model::Position position, base::Monotonic now) {
  const auto found = failing_.find(position);
  if (found == failing_.end()) return;
  found->second.handed_over = false;
  found->second.due = now + pause_after(found->second.attempts, policy_.retry_base);
}

std::optional<base::Monotonic> StorageProgress::next_due() const {
  std::optional<base::Monotonic> next;
  for (const auto& [position, failing] : failing_)
    if (!failing.handed_over && (!next || failing.due < *next)) next = failing.due;
  return next;
}

model::Position StorageProgress::cursor_after(const std::vector<model::MessagePtr>& storing) const {
  const auto is_stored = [&](model::Position position) {
    return std::ranges::binary_search(storing, position, {}, [](const auto& each) { return each->position; });
  };
  for (const auto& [position, failing] : failing_)
    if (!is_stored(position)) return position - 1;
  return next_ - 1;
}

std::vector<model::Position> StorageProgress::marks_up_to(model::Position position) const {
  return {marks_.begin(), marks_.upper_bound(position)};
}

void StorageProgress::forget_marks(model::Position position) {
  marks_.erase(marks_.begin(), marks_.upper_bound(position));
}

}  // namespace carillon::message_storage
