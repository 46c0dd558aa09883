#pragma once

#include <span>
#include <vector>

#include "model/errors.hpp"
#include "model/message.hpp"

namespace carillon::ports {

/// One message that the table would not take; the others of the batch are stored.
struct StorageFailure {
  std::size_t index = 0;  ///< in the batch
  model::Error error;
};

/// A step of the storage queue: messages into the table, and how far the queue is settled with them.
struct StorageStep {
  std::span<const model::MessagePtr> messages;
  model::Position cursor = 0;            ///< everything up to it is settled when all of `messages` are stored
  std::vector<model::Position> settled;  ///< marks of single positions that `cursor` makes superfluous
};

/// Where published messages are kept for history (seed architecture-overview-v2, Message Storage Table).
/// Storage thread only.
class MessageTable {
 public:
  virtual ~MessageTable() = default;
  /// How far the storage queue is settled: where to go on, at the start and after store() failed. Errors:
  /// unavailable.
  virtual base::Result<model::Position> cursor() = 0;
  /// Positions above the cursor that are settled already (dead-lettered before a restart), ascending.
  virtual base::Result<std::vector<model::Position>> settled() = 0;
  /// Stores in one step; storing a message again changes nothing. The cursor moves only when nothing failed.
  /// Errors: unavailable: whether it was stored is unknown, and cursor() must be asked again.
  virtual base::Result<std::vector<StorageFailure>> store(const StorageStep& step) = 0;
};

/// The event log, for whoever fell behind. Storage thread only.
class MessageLog {
 public:
  virtual ~MessageLog() = default;
  /// Messages from `from` on in order of position; at most `limit`, ending early once about `max_bytes` are
  /// read, empty at the end. Errors: unavailable.
  virtual base::Result<std::vector<model::MessagePtr>> read(model::Position from, std::size_t limit,
                                                            std::size_t max_bytes) = 0;
};

}  // namespace carillon::ports
