#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "base/clock.hpp"
#include "ports/message_bus.hpp"

namespace carillon::bus {

/// Names what a publication must not repeat within the window: a SHA-256. Part of the storage format.
struct DeduplicationKey {
  std::array<std::uint8_t, 32> bytes{};

  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  auto operator<=>(const DeduplicationKey&) const = default;
};

struct DeduplicationKeyHash {
  std::size_t operator()(const DeduplicationKey& key) const {
    std::size_t hash = 0;
    std::memcpy(&hash, key.bytes.data(), sizeof hash);
    return hash;
  }
};

/// The key of a publication: topic and sender, and the sender's own id, or else for fifo messages, when
/// `content_based`, what it says (channel, group, target, attributes, payload). Every part with its length,
/// so that no two publications share one. Nothing for ephemeral messages, for standard ones without an id,
/// and for fifo ones without an id when not content-based. Any thread.
std::optional<DeduplicationKey> deduplication_key(const ports::Publication& publication, bool content_based);

/// An entry of the deduplication window, as the store keeps it.
struct DeduplicationRecord {
  ports::Receipt receipt;
  base::EpochMs expires_at = 0;
};

/// Finds repetitions among the publications of one batch and against the window in the store. A copy within
/// a batch stands and falls with the first: neither is answered before the batch is durable. Bus loop only.
class DeduplicationBatch {
 public:
  /// Reads the window. Errors are the store's.
  using Lookup = std::function<base::Result<std::optional<DeduplicationRecord>>(const DeduplicationKey&)>;

  struct Fresh {};
  /// The same as publication `index` of this batch.
  struct Repeats {
    std::size_t index;
  };
  using Verdict = std::variant<Fresh, Repeats, ports::Receipt>;

  /// Decides about publication `index`; a fresh one is remembered for the rest of the batch. A record of the
  /// window counts until `now` reaches its expiry. A receipt given back has `deduplicated` set.
  base::Result<Verdict> decide(const DeduplicationKey& key, std::size_t index, base::EpochMs now,
                               const Lookup& lookup);
  /// A publication that was fresh is refused for another reason: it repeats nothing later.
  void withdraw(const DeduplicationKey& key) { seen_.erase(key); }
  /// Before the next batch, whether this one was made durable or not.
  void clear() { seen_.clear(); }

 private:
  std::unordered_map<DeduplicationKey, std::size_t, DeduplicationKeyHash> seen_;
};

}  // namespace carillon::bus
