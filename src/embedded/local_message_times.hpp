#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "ports/message_times.hpp"

namespace carillon::embedded {

/// The times of about the last hundred thousand messages: a table in which a message's place is given by its
/// id's random bits, and a newer one there replaces an older. One thread writes, the bus loop; any thread
/// reads, and neither ever waits for the other. 5 MiB.
/// Source: H. Boehm, "Can seqlocks get along with programming language memory models?" (MSPC 2012).
class LocalMessageTimes final : public ports::MessageTimesWindow {
 public:
  static constexpr std::size_t kSlots = 131'072;

  LocalMessageTimes() : slots_(std::make_unique<Slots>()) {}

  void put(const model::MessageId& id, ports::MessageTimes times);
  /// Nothing, too, when its place is being written time after time.
  std::optional<ports::MessageTimes> find(const model::MessageId& id) const override;

 private:
  /// `version` is odd while the others are written; 0: never used.
  struct Slot {
    std::atomic<std::uint64_t> version{0}, high{0}, low{0};
    std::atomic<base::EpochMs> published_at{0}, processed_at{0};
  };
  using Slots = std::array<Slot, kSlots>;

  std::unique_ptr<Slots> slots_;
};

}  // namespace carillon::embedded
