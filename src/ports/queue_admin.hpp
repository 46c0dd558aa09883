#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/message.hpp"
#include "ports/completion.hpp"

namespace carillon::ports {

struct QueueInfo {
  std::string name;
  std::string type;         ///< "standard" or "fifo"
  std::uint64_t depth = 0;  ///< waiting and in flight
  std::uint64_t in_flight = 0;
  std::int64_t oldest_age_seconds = 0;
  std::string dead_letter_queue;  ///< empty for a dead letter queue
};

struct FailedRecipient {
  model::UserId user;
  model::ConnectionId connection;
  std::string reason;
};

struct QueuedMessage {
  model::MessagePtr message;
  int attempts = 0;
  base::EpochMs enqueued_at = 0;
  std::vector<FailedRecipient> failed;  ///< in dead letter queues
  std::string reason;                   ///< why it is a dead letter
};

/// Looking into queues and dead letter queues, and acting on them (CONTRACT §11). Any thread.
class QueueAdmin {
 public:
  virtual ~QueueAdmin() = default;
  virtual void list(Completion<std::vector<QueueInfo>> done) = 0;
  /// Oldest first. Errors: not_found.
  virtual void peek(std::string queue, std::size_t limit, Completion<std::vector<QueuedMessage>> done) = 0;
  /// Removes what waits (not what is in flight); answers how many. Errors: not_found.
  virtual void purge(std::string queue, Completion<std::uint64_t> done) = 0;
  /// Moves messages (all when `ids` is empty) from a dead letter queue back to its queue; answers how many.
  /// Errors: not_found (queue, or an id that is not in it), bad_request (no dead letter queue).
  virtual void redrive(std::string queue, std::vector<model::MessageId> ids,
                       Completion<std::uint64_t> done) = 0;
};

}  // namespace carillon::ports
