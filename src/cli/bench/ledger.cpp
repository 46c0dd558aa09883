#include "cli/bench/ledger.hpp"

#include <algorithm>

namespace carillon::cli::bench {

StreamTracker::Seen StreamTracker::see_other(std::uint32_t number) {
  if (number > next_) {
    missing_.emplace_back(next_, number - 1);
    next_ = number + 1;
    return Seen::in_order;
  }
  const auto gap =
      std::lower_bound(missing_.begin(), missing_.end(), number,
                       [](const auto& range, std::uint32_t value) { return range.second < value; });
  if (gap == missing_.end() || gap->first > number) return Seen::duplicate;
  const auto [first, last] = *gap;
  if (first == last) {
    missing_.erase(gap);
  } else if (number == first) {
    gap->first = number + 1;
  } else if (number == last) {
    gap->second = number - 1;
  } else {
    gap->second = number - 1;
    missing_.insert(gap + 1, {number + 1, last});
  }
  return Seen::late;
}

Ledger::Ledger(Shape shape)
    : shape_(shape), remaining_(shape.messages), answer_seen_(shape.answered ? shape.messages : 0) {}

void Ledger::answered(std::uint32_t index, bool accepted) {
  if (index >= sent_ || !shape_.answered || answer_seen_[index]) {
    ++stray_;
    return;
  }
  answer_seen_[index] = true;
  ++answers_;
  if (!accepted) {
    ++refused_;
    remaining_[index] = kRefused;
    --in_flight_;
  } else if (--remaining_[index] == 0) {
    --in_flight_;
  }
}

std::uint64_t Ledger::lost() const {
  std::uint64_t lost = 0;
  for (std::uint32_t index = 0; index < sent_; ++index) {
    if (remaining_[index] == kRefused) continue;
    const bool open_answer = shape_.answered && !answer_seen_[index];
    lost += remaining_[index] - (open_answer ? 1 : 0);
  }
  return lost;
}

}  // namespace carillon::cli::bench
