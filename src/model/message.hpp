#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/trace_context.hpp"
#include "model/identity.hpp"
#include "model/target.hpp"

namespace carillon::model {

using base::EpochMs;
using base::MessageId;

/// The numbers are part of the storage format.
enum class MessageType : std::uint8_t { standard = 1, fifo = 2, ephemeral = 3 };
std::string_view name(MessageType type);
std::optional<MessageType> parse_message_type(std::string_view text);

/// Topic names of the seeds: fifo messages go to Notifications.fifo, standard ones to Notification.
inline constexpr std::string_view kFifoTopic = "Notifications.fifo";
inline constexpr std::string_view kStandardTopic = "Notification";
inline constexpr std::string_view kWebSocketChannel = "WebSocket";

/// A publisher's own attribute, for filter policies: text, number or list of texts.
using AttributeValue = std::variant<std::string, double, std::vector<std::string>>;
using Attributes = std::map<std::string, AttributeValue, std::less<>>;

/// A place in the event log and in every target's history; assigned with the commit, rises strictly.
using Position = std::uint64_t;

/// A number in a chat, 1 to 2^53−1.
using SequenceNumber = std::uint64_t;
inline constexpr SequenceNumber kMaxSequenceNumber = (1ull << 53) - 1;

/// What every message carries from the publisher on. Members are what CONTRACT §7 calls them.
struct MessageBody {
  MessageType type = MessageType::standard;
  Target target;
  std::string channel{kWebSocketChannel};
  std::string group_id;  ///< fifo only
  std::string event_type;
  std::string payload;  ///< the publisher's JSON object, byte for byte
  UserId sender;
  bool exclude_sender = false;
  /// Of `POST /broadcast` (CONTRACT §12): subscribers get the payload alone, as it is.
  bool broadcast = false;
  std::string correlation_id;
  Attributes attributes;
  std::optional<base::TraceContext> trace;  ///< of its publishing, when the publisher's or ours is known
};

/// Of a message that came out of a dead letter queue: only this queue takes it, and only these users'
/// connections (all recipients when empty) (CONTRACT §11).
struct MessageRedrive {
  std::string queue;
  std::vector<UserId> users;
  Position original = 0;  ///< where its history has it, when that is not where the log has it; else 0
};

/// A message once it is published: immutable, shared by everything that handles it.
struct Message : MessageBody {
  MessageId id;
  EpochMs published_at = 0;
  Position position = 0;  ///< 0 for ephemeral messages, which have none
  std::optional<SequenceNumber> sequence;
  bool client_sequence = false;  ///< `sequence` was the publisher's customSequence

  using Redrive = MessageRedrive;
  std::optional<Redrive> redrive;

  /// When the service took it in, for measuring; not kept: unknown (the epoch) after a restart.
  base::Monotonic accepted_at{};
};
using MessagePtr = std::shared_ptr<const Message>;

/// The frame of CONTRACT §8 without its processorTimestamp, which `processor_timestamp` adds when it is
/// given: what history returns, and what subscribers get. Any thread.
void append_event(std::string& out, const Message& message, std::optional<EpochMs> processor_timestamp);
/// What append_event() adds to `out`, or a little more: never less. Cheaper than to do it.
std::size_t event_size_at_most(const Message& message);

}  // namespace carillon::model
