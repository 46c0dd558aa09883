#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "ports/message_history.hpp"

/// What Store's reads take and give beside the ports' own types. Source: docs/storage-format.md.
namespace carillon::embedded {

struct LogEnd {
  model::Position position = 0;    ///< of the newest record; 0: nothing was ever published
  base::EpochMs published_at = 0;  ///< of the newest record that was not redriven
};

struct QueueCursor {
  std::string queue;
  model::Position position = 0;
};

/// A message that the disk has.
struct StoredMessage {
  model::MessagePtr message;  ///< null: not there
  bool expired = false;       ///< past its retention: no reader may get it
};

inline constexpr std::size_t kMaxSequenceNumbers = 1000;

/// How much one answer to Store::sequences holds at most; one message is returned whatever its size.
struct SequenceLimits {
  std::size_t messages = 1000;
  std::size_t max_bytes = 4u << 20;  ///< of the answer as JSON
};

/// Flushes of DeliveryResults by number, `before` not included.
struct FlushRange {
  std::uint64_t from = 0;
  std::uint64_t before = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace carillon::embedded
