#include "model/message.hpp"

#include <array>
#include <charconv>

#include "base/bytes.hpp"

namespace carillon::model {
namespace {

void member(std::string& out, std::string_view name, std::string_view text) {
  out += ",\"";
  out += name;
  out += "\":";
  base::append_json_string(out, text);
}

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  const char* end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void number(std::string& out, std::string_view name, std::uint64_t value) {
  out += ",\"";
  out += name;
  out += "\":";
  append_number(out, value);
}

/// Twenty digits, so that the texts sort as the numbers do.
void append_padded(std::string& out, std::uint64_t value) {
  const std::size_t start = out.size();
  out.append(20, '0');
  for (std::size_t at = start + 20; value > 0; value /= 10) out[--at] = static_cast<char>('0' + value % 10);
}

/// Names, punctuation, numbers and times of an event, all of them at their longest.
constexpr std::size_t kEventFrame = 540;
/// `,"traceparent":"…"`.
constexpr std::size_t kTraceparentMember = 72;

std::size_t size_in_json(std::string_view text) {
  std::size_t size = text.size();
  for (const char each : text) {
    if (each == '"' || each == '\\') size += 1;
    if (static_cast<unsigned char>(each) < 0x20) size += 5;
  }
  return size;
}

}  // namespace

std::string_view name(MessageType type) {
  switch (type) {
    case MessageType::standard:
      return "standard";
    case MessageType::fifo:
      return "fifo";
    case MessageType::ephemeral:
      return "ephemeral";
  }
  return "unknown";
}

std::optional<MessageType> parse_message_type(std::string_view text) {
  if (text == "standard") return MessageType::standard;
  if (text == "fifo") return MessageType::fifo;
  if (text == "ephemeral") return MessageType::ephemeral;
  return std::nullopt;
}

void append_event(std::string& out, const Message& message, std::optional<EpochMs> processor_timestamp) {
  out.reserve(out.size() + message.payload.size() + 2 * message.target.id.size() + 420);
  out += "{\"type\":\"message\",\"messageId\":\"";
  message.id.append_to(out);
  out += '"';
  if (message.target.is_chat()) member(out, "chatId", message.target.id);
  member(out, "targetClass", name(message.target.target_class));
  if (message.target.target_class != TargetClass::all) member(out, "targetId", message.target.id);
  member(out, "messageType", name(message.type));
  if (message.type == MessageType::fifo) member(out, "messageGroupId", message.group_id);
  if (message.sequence) number(out, "sequenceNumber", *message.sequence);
  if (message.client_sequence) out += ",\"sequenceSource\":\"client\"";
  if (message.type == MessageType::fifo) {
    out += ",\"queueSequenceNumber\":\"";
    append_padded(out, message.position);
    out += '"';
  }
  member(out, "eventType", message.event_type);
  out += ",\"payload\":";
  out += message.payload;
  member(out, "userId", message.sender.str());
  out += ",\"timestamp\":\"";
  base::append_iso8601(out, message.published_at);
  out += '"';
  number(out, "publishTimestamp", static_cast<std::uint64_t>(message.published_at));
  if (processor_timestamp)
    number(out, "processorTimestamp", static_cast<std::uint64_t>(*processor_timestamp));
  member(out, "targetChannel", message.channel);
  if (!message.correlation_id.empty()) member(out, "correlationId", message.correlation_id);
  if (message.trace) member(out, "traceparent", base::format_traceparent(*message.trace));
  out += '}';
}

std::size_t event_size_at_most(const Message& message) {
  return kEventFrame + message.payload.size() + 2 * size_in_json(message.target.id) +
         size_in_json(message.group_id) + size_in_json(message.event_type) +
         size_in_json(message.sender.str()) + size_in_json(message.channel) +
         size_in_json(message.correlation_id) + (message.trace ? kTraceparentMember : 0);
}

}  // namespace carillon::model
