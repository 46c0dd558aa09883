#include "model/message.hpp"

#include <iterator>

#include <fmt/format.h>

#include "base/bytes.hpp"

namespace carillon::model {
namespace {

void member(std::string& out, std::string_view name, std::string_view text) {
  out += ",\"";
  out += name;
  out += "\":";
  base::append_json_string(out, text);
}

void number(std::string& out, std::string_view name, std::int64_t value) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":{}", name, value);
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
  if (message.sequence) number(out, "sequenceNumber", static_cast<std::int64_t>(*message.sequence));
  if (message.client_sequence) out += ",\"sequenceSource\":\"client\"";
  if (message.type == MessageType::fifo)
    fmt::format_to(std::back_inserter(out), ",\"queueSequenceNumber\":\"{:020}\"", message.position);
  member(out, "eventType", message.event_type);
  out += ",\"payload\":";
  out += message.payload;
  member(out, "userId", message.sender.str());
  out += ",\"timestamp\":\"";
  base::append_iso8601(out, message.published_at);
  out += '"';
  number(out, "publishTimestamp", message.published_at);
  if (processor_timestamp) number(out, "processorTimestamp", *processor_timestamp);
  member(out, "targetChannel", message.channel);
  if (!message.correlation_id.empty()) member(out, "correlationId", message.correlation_id);
  out += '}';
}

}  // namespace carillon::model
