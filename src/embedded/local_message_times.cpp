#include "embedded/local_message_times.hpp"

#include <cstring>

namespace carillon::embedded {
namespace {

constexpr int kTries = 8;

/// From the id's last bytes, which are random.
std::size_t place_of(const model::MessageId& id) {
  const auto& bytes = id.bytes();
  return (std::size_t{bytes[13]} << 16 | std::size_t{bytes[14]} << 8 | bytes[15]) % LocalMessageTimes::kSlots;
}

struct Halves {
  std::uint64_t high, low;
  explicit Halves(const model::MessageId& id) {
    std::memcpy(&high, id.bytes().data(), sizeof high);
    std::memcpy(&low, id.bytes().data() + sizeof high, sizeof low);
  }
};

}  // namespace

// Each of the writer's stores releases the odd version before it, and each of a reader's loads acquires: who
// has read anything new finds a new version at the end, too.

void LocalMessageTimes::put(const model::MessageId& id, ports::MessageTimes times) {
  const Halves halves(id);
  Slot& slot = (*slots_)[place_of(id)];
  const std::uint64_t version = slot.version.load(std::memory_order_relaxed);
  slot.version.store(version + 1, std::memory_order_relaxed);
  slot.high.store(halves.high, std::memory_order_release);
  slot.low.store(halves.low, std::memory_order_release);
  slot.published_at.store(times.published_at, std::memory_order_release);
  slot.processed_at.store(times.processed_at, std::memory_order_release);
  slot.version.store(version + 2, std::memory_order_release);
}

std::optional<ports::MessageTimes> LocalMessageTimes::find(const model::MessageId& id) const {
  const Halves halves(id);
  const Slot& slot = (*slots_)[place_of(id)];
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t before = slot.version.load(std::memory_order_acquire);
    if (before == 0) return std::nullopt;
    const bool same = slot.high.load(std::memory_order_acquire) == halves.high &&
                      slot.low.load(std::memory_order_acquire) == halves.low;
    const ports::MessageTimes times{slot.published_at.load(std::memory_order_acquire),
                                    slot.processed_at.load(std::memory_order_acquire)};
    if (before % 2 != 0 || slot.version.load(std::memory_order_relaxed) != before) continue;
    if (!same) return std::nullopt;
    return times;
  }
  return std::nullopt;
}

}  // namespace carillon::embedded
