#include "bus/dead_letter.hpp"

#include <algorithm>

namespace carillon::bus {

void DeadLetterIndex::add(model::Position place, const model::MessageId& id, base::EpochMs dead_at,
                          std::uint32_t bytes) {
  if (!entries_.try_emplace(place, id, dead_at, bytes).second) return;
  by_death_.emplace(dead_at, place);
  by_id_.emplace(id, place);
  bytes_ += bytes;
}

bool DeadLetterIndex::remove(model::Position place) {
  const auto found = entries_.find(place);
  if (found == entries_.end()) return false;
  const Entry& entry = found->second;
  bytes_ -= entry.bytes;
  by_death_.erase({entry.dead_at, place});
  auto [at, end] = by_id_.equal_range(entry.id);
  by_id_.erase(std::find_if(at, end, [&](const auto& named) { return named.second == place; }));
  entries_.erase(found);
  return true;
}

std::vector<model::Position> DeadLetterIndex::oldest(std::size_t limit) const {
  std::vector<model::Position> places;
  for (const auto& [dead_at, place] : by_death_) {
    if (places.size() == limit) break;
    places.push_back(place);
  }
  return places;
}

std::vector<model::Position> DeadLetterIndex::find(const model::MessageId& id) const {
  std::vector<model::Position> places;
  auto [at, end] = by_id_.equal_range(id);
  for (; at != end; ++at) places.push_back(at->second);
  std::ranges::sort(places);
  return places;
}

std::vector<model::Position> DeadLetterIndex::over_limits(base::EpochMs now) const {
  std::vector<model::Position> places;
  std::uint64_t bytes_left = bytes_;
  std::size_t left = entries_.size();
  for (const auto& [dead_at, place] : by_death_) {
    const bool too_old = now - dead_at >= limits_.retention.count();
    if (!too_old && bytes_left <= limits_.max_bytes && left <= limits_.max_count) break;
    places.push_back(place);
    bytes_left -= entries_.at(place).bytes;
    --left;
  }
  return places;
}

std::optional<base::EpochMs> DeadLetterIndex::next_expiry() const {
  if (by_death_.empty()) return std::nullopt;
  return by_death_.begin()->first + limits_.retention.count();
}

std::optional<base::EpochMs> DeadLetterIndex::oldest_dead_at() const {
  if (by_death_.empty()) return std::nullopt;
  return by_death_.begin()->first;
}

}  // namespace carillon::bus
