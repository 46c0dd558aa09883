#include "embedded/stall_clock.hpp"

namespace carillon::embedded {

void StallClock::OnStallConditionsChanged(const rocksdb::WriteStallInfo& change) {
  const bool was_behind = change.condition.prev != rocksdb::WriteStallCondition::kNormal;
  const bool is_behind = change.condition.cur != rocksdb::WriteStallCondition::kNormal;
  if (was_behind == is_behind) return;
  const std::lock_guard lock(mutex_);
  if (is_behind && families_++ == 0) since_ = Clock::now();
  if (was_behind && families_ > 0 && --families_ == 0) total_ += Clock::now() - since_;
}

std::chrono::microseconds StallClock::total() const {
  const std::lock_guard lock(mutex_);
  const Clock::duration going_on = families_ > 0 ? Clock::now() - since_ : Clock::duration{};
  return std::chrono::duration_cast<std::chrono::microseconds>(total_ + going_on);
}

}  // namespace carillon::embedded
