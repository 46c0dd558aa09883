#pragma once

#include <array>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_set.hpp>

#include "model/message.hpp"

namespace carillon::metric_collector {

/// Remembers whose sample of which message was counted, so that each counts once. Bounded: two generations of
/// hashes, under a key that is this process's own, so that nobody finds two that collide. When the older one
/// goes, everything published up to its newest message is too old to be counted at all. One loop only.
class SampleLedger {
 public:
  static constexpr std::size_t kGeneration = 262144;

  enum class Entry : std::uint8_t { counts, repeated, too_old };

  explicit SampleLedger(std::size_t generation = kGeneration);

  /// Whether a sample may count: neither counted before nor too old. Remembers it then.
  Entry enter(std::string_view user, const model::MessageId& message, base::EpochMs published_at);
  std::size_t size() const { return current_.hashes.size() + previous_.hashes.size(); }

 private:
  static constexpr base::EpochMs kNone = -1;
  struct Generation {
    boost::unordered_flat_set<std::uint64_t> hashes;
    base::EpochMs newest = kNone;  ///< publication of a message in it
  };
  std::uint64_t hash_of(std::string_view user, const model::MessageId& message) const;

  std::size_t generation_;
  std::string key_;
  Generation current_, previous_;
  base::EpochMs too_old_ = kNone;  ///< published then or before
};

}  // namespace carillon::metric_collector
