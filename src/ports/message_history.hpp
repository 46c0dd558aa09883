#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/message.hpp"
#include "ports/completion.hpp"
#include "ports/queue_admin.hpp"

namespace carillon::ports {

/// What an answer has in JSON around its messages at most, and for each missing number.
inline constexpr std::size_t kPageFrameBytes = 256;
inline constexpr std::size_t kMissingNumberBytes = 64;

/// What part of one target's history is asked for.
struct HistoryQuery {
  model::Target target;
  bool oldest_first = false;
  std::optional<base::EpochMs> from, to;  ///< by time of publication, both inclusive
  model::Position after = 0;              ///< go on behind this position, in the order asked; 0: at the start
  std::size_t limit = 50;
  std::size_t max_bytes = 4u << 20;  ///< of the page as JSON; one message is returned whatever its size
};

struct HistoryPage {
  std::vector<model::MessagePtr> messages;  ///< in the order asked
  bool more = false;                        ///< there is another one behind the last
};

/// Sequence numbers from `first` to `last`, both included; first ≤ last.
struct NumberRange {
  model::SequenceNumber first = 0;
  model::SequenceNumber last = 0;
  bool operator==(const NumberRange&) const = default;
};

/// Why a number's message is not in the answer (CONTRACT §10).
enum class Absence : std::uint8_t {
  expired,     ///< only below what the chat still keeps
  not_issued,  ///< only above the chat's counter
  pending      ///< issued and not readable yet, or left out whole for the answer's size: ask again
};

struct MissingNumber {
  model::SequenceNumber number = 0;
  Absence reason = Absence::pending;
  bool operator==(const MissingNumber&) const = default;
};

struct SequencePage {
  /// Ascending by number; messages with the publisher's own number (customSequence) stand behind the chat's.
  std::vector<model::MessagePtr> messages;
  std::vector<MissingNumber> missing;  ///< ascending
};

/// What became of a message in one queue that took it.
struct QueueTrace {
  enum class State : std::uint8_t { waiting, in_flight, settled, dead_letter };
  std::string queue;
  State state = State::settled;
  std::string dead_letter_queue;        ///< where it lies, when it is a dead letter
  int attempts = 0;                     ///< known for dead letters and webhook channels
  std::string reason;                   ///< why it is a dead letter
  std::vector<FailedRecipient> failed;  ///< of a dead letter
};

/// What is known of one message: facts, from which message_retrieval makes its state.
struct MessageTrace {
  model::MessagePtr message;
  bool stored = false;          ///< in the message table
  bool expired = false;         ///< past its retention; for its sender, as long as the disk has it
  std::uint64_t delivered = 0;  ///< accepted into live connections' buffers, and 2xx of webhooks
  std::uint64_t gone = 0;       ///< connections that went away meanwhile
  std::vector<model::UserId> delivered_to;  ///< the first users that got it, each once; may be fewer
  std::vector<QueueTrace> queues;           ///< in the order of Topics
};

/// What was published and is kept (CONTRACT §10; seed architecture-overview-v2, Message Retrieval). A read
/// sees everything that was answered before the call: it waits for storage, a second at most. `asking` must
/// be allowed to read the target when the read happens: after a revocation was answered, nothing more is
/// read. Any thread; completes on a thread of the history's own, where encoding an answer is welcome.
/// Errors of all: overloaded (storage is behind; too many reads of all or of `asking` are under way),
/// unavailable, the store's; none of these with details that tell of files.
class MessageHistory {
 public:
  virtual ~MessageHistory() = default;

  /// Errors: no_*_access. One's own user, and with carillon/admin everything, may always be read.
  virtual void page(model::IdentityPtr asking, HistoryQuery query, Completion<HistoryPage> done) = 0;
  /// `numbers` ascending, without overlap. All of a number's messages or none; but of the first number in an
  /// answer as many as fit, the chat's own first, and the others are found in the pages. Errors:
  /// no_chat_access.
  virtual void sequences(model::IdentityPtr asking, std::string chat_id, std::vector<NumberRange> numbers,
                         Completion<SequencePage> done) = 0;
  /// Errors: not_found, for absent, expired and forbidden alike.
  virtual void message(model::IdentityPtr asking, model::MessageId id,
                       Completion<model::MessagePtr> done) = 0;
  /// For the message's sender and carillon/admin. Errors: not_found, for absent and forbidden alike.
  virtual void trace(model::IdentityPtr asking, model::MessageId id, Completion<MessageTrace> done) = 0;

  /// A random text that belongs to the store, the same on every node and after a restart, other ones after
  /// `restore`: what page tokens are sealed with. Never shown.
  virtual const std::string& token_secret() const = 0;
};

}  // namespace carillon::ports
