#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "ports/user_list.hpp"

namespace carillon::embedded {

/// What became of one message in one settled delivery.
struct DeliveryEntry {
  std::uint32_t offset = 0;  ///< its position within the bucket; 0 for a redriven one
  std::uint32_t delivered = 0;
  std::uint32_t gone = 0;
  ports::UserListPtr users;  ///< the first who got it
};

/// The same, summed up.
struct DeliveryTotals {
  std::uint64_t delivered = 0;
  std::uint64_t gone = 0;
  ports::UserListPtr users;

  void add(std::uint64_t more_delivered, std::uint64_t more_gone, const ports::UserListPtr& more_users) {
    delivered += more_delivered;
    gone += more_gone;
    users = ports::joined(users, more_users);
  }
};

/// What one flush wrote of one bucket of positions, or of one redriven message, as it lies on disk.
struct DeliveryFragment {
  struct Entry {
    std::uint32_t offset = 0;
    std::uint32_t delivered = 0;
    std::uint32_t gone = 0;
    std::uint32_t list = 0;  ///< from 1; 0: nobody is named
  };
  base::EpochMs written_at = 0;
  std::vector<model::UserId> users;
  std::vector<std::vector<std::uint32_t>> lists;  ///< of places in `users`
  std::vector<Entry> entries;

  /// Adds all that is said about `offset`.
  void sum_up(std::uint64_t offset, DeliveryTotals& totals) const;
};

namespace record {

/// Each user and each list of users is written once, however many entries it stands in.
void append_deliveries(std::string& out, base::EpochMs written_at, std::span<const DeliveryEntry> entries);
std::optional<DeliveryFragment> decode_deliveries(std::string_view bytes);

/// What retention needs, without checking or decoding the rest.
std::optional<base::EpochMs> deliveries_written_at(std::string_view bytes);

/// Whether key and value of the column family `deliveries` are what CommitBatch writes.
bool sound_deliveries(std::string_view key, std::string_view value);

}  // namespace record
}  // namespace carillon::embedded
