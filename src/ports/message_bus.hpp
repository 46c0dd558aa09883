#pragma once

#include <optional>
#include <string>

#include "model/message.hpp"
#include "ports/completion.hpp"

namespace carillon::ports {

/// A message that somebody wants published: validated, enriched, not yet authorised or durable.
struct Publication : model::MessageBody {
  model::IdentityPtr identity;
  model::ConnectionId connection;  ///< over a socket (P2P): the sender's; empty over HTTP (A2P)
  bool generate_sequence = true;   ///< counts for fifo messages to a chat only
  std::optional<model::SequenceNumber> custom_sequence;
  base::Monotonic accepted_at{};  ///< when it came in; the bus sets it when it is not set
  std::string deduplication_id;   ///< the sender's own; empty: by content for fifo, none for standard
};

struct Receipt {
  model::MessageId id;
  base::EpochMs published_at = 0;
  std::optional<model::SequenceNumber> sequence;
  bool deduplicated = false;
};

/// Topics, filter policies and queues (CONTRACT §7, §11).
class MessageBus {
 public:
  virtual ~MessageBus() = default;
  /// In one step at one moment: rate limit, right to publish, queue limits, deduplication, sequence number;
  /// then made durable; then answered. Publications of one thread are decided in the order given. Any
  /// thread. Errors: too_many_requests, no_*_access, overloaded (retryable), unavailable (outcome unknown).
  virtual void publish(Publication publication, Completion<Receipt> done) = 0;
};

}  // namespace carillon::ports
