#include "bus/dead_letter.hpp"

#include <algorithm>

namespace carillon::bus {

void DeadLetterIndex::add(model::Position place, const model::MessageId& id, base::EpochMs dead_at,
                          std::uint32_t bytes) {
  entries_.add(place, {id, dead_at, bytes});
  by_id_.emplace(id, place);
  bytes_ += bytes;
}

bool DeadLetterIndex::remove(model::Position place) {
  const Entry* entry = entries_.find(place);
  if (!entry) return false;
  bytes_ -= entry->bytes;
  auto [at, end] = by_id_.equal_range(entry->id);
  by_id_.erase(std::find_if(at, end, [&](const auto& named) { return named.second == place; }));
  return entries_.remove(place);
}

std::vector<model::Position> DeadLetterIndex::oldest(std::size_t limit) const {
  std::vector<model::Position> places;
  if (limit == 0) return places;
  entries_.for_each([&](model::Position place, const Entry&) {
    places.push_back(place);
    return places.size() < limit;
  });
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
  entries_.for_each([&](model::Position place, const Entry& entry) {
    const bool too_old = now - entry.dead_at >= limits_.retention.count();
    if (!too_old && bytes_left <= limits_.max_bytes && left <= limits_.max_count) return false;
    places.push_back(place);
    bytes_left -= entry.bytes;
    --left;
    return true;
  });
  return places;
}

std::optional<base::EpochMs> DeadLetterIndex::next_expiry() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.smallest_value().dead_at + limits_.retention.count();
}

std::optional<base::EpochMs> DeadLetterIndex::oldest_dead_at() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.smallest_value().dead_at;
}

}  // namespace carillon::bus
