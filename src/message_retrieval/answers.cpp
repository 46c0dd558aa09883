#include "message_retrieval/answers.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "message_retrieval/message_state.hpp"

namespace carillon::message_retrieval {
namespace {

std::size_t estimate(const std::vector<model::MessagePtr>& messages) {
  std::size_t size = ports::kPageFrameBytes;
  for (const auto& each : messages) size += model::event_size_at_most(*each);
  return size;
}

void append_messages(std::string& out, const std::vector<model::MessagePtr>& messages) {
  out += "{\"messages\":[";
  for (const auto& each : messages) {
    if (out.back() != '[') out += ',';
    model::append_event(out, *each, std::nullopt);
  }
  out += "],\"count\":" + std::to_string(messages.size());
}

std::string_view name(ports::Absence reason) {
  switch (reason) {
    case ports::Absence::expired:
      return "expired";
    case ports::Absence::not_issued:
      return "not_issued";
    case ports::Absence::pending:
      break;
  }
  return "pending";
}

std::string_view name(ports::QueueTrace::State state) {
  switch (state) {
    case ports::QueueTrace::State::waiting:
      return "waiting";
    case ports::QueueTrace::State::in_flight:
      return "in_flight";
    case ports::QueueTrace::State::settled:
      return "settled";
    case ports::QueueTrace::State::dead_letter:
      break;
  }
  return "dead_letter";
}

/// Texts that may come from outside (an endpoint's answer, say) must not break the document.
void append_text(std::string& out, std::string_view name, std::string_view value) {
  out += ",\"";
  out += name;
  out += "\":";
  base::append_json_string(out, base::valid_utf8(value) ? value : base::printable(value));
}

void append_flag(std::string& out, std::string_view name, bool value) {
  out += ",\"";
  out += name;
  out += value ? "\":true" : "\":false";
}

void append_number(std::string& out, std::string_view name, std::uint64_t value) {
  out += ",\"";
  out += name;
  out += "\":" + std::to_string(value);
}

std::string head(const ports::MessageTrace& trace) {
  std::string out = "{\"messageId\":\"" + trace.message->id.str() + '"';
  append_text(out, "state", name(state_of(trace)));
  return out;
}

template <typename List, typename Append>
void append_list(std::string& out, std::string_view list_name, const List& list, Append append) {
  out += ",\"";
  out += list_name;
  out += "\":[";
  std::size_t left = kMaxNamedUsers;
  for (const auto& each : list) {
    if (left-- == 0) break;
    if (out.back() != '[') out += ',';
    append(each);
  }
  out += ']';
}

void append_failed(std::string& out, const std::vector<ports::FailedRecipient>& failed, bool connections) {
  append_list(out, "failed", failed, [&](const ports::FailedRecipient& each) {
    out += "{\"userId\":";
    base::append_json_string(out, each.user.str());
    if (connections && !each.connection.empty()) append_text(out, "connectionId", each.connection.str());
    append_text(out, "reason", each.reason);
    out += '}';
  });
}

void append_queue(std::string& out, const ports::QueueTrace& queue, bool for_operator) {
  out += "{\"queue\":";
  base::append_json_string(out, queue.queue);
  append_text(out, "state", name(queue.state));
  if (queue.attempts > 0) append_number(out, "attempts", static_cast<std::uint64_t>(queue.attempts));
  if (!queue.dead_letter_queue.empty()) append_text(out, "deadLetterQueue", queue.dead_letter_queue);
  if (!queue.reason.empty()) append_text(out, "reason", queue.reason);
  if (!queue.failed.empty()) append_failed(out, queue.failed, for_operator);
  out += '}';
}

}  // namespace

std::string message_json(const model::Message& message) {
  std::string out;
  model::append_event(out, message, std::nullopt);
  return out;
}

std::string page_json(const ports::HistoryPage& page, const std::optional<std::string>& next_token) {
  std::string out;
  out.reserve(estimate(page.messages));
  append_messages(out, page.messages);
  if (next_token) append_text(out, "nextToken", *next_token);
  return out += '}';
}

std::string sequences_json(const ports::SequencePage& page) {
  std::string out;
  out.reserve(estimate(page.messages) + ports::kMissingNumberBytes * page.missing.size());
  append_messages(out, page.messages);
  out += ",\"missing\":[";
  for (const ports::MissingNumber& each : page.missing) {
    if (out.back() != '[') out += ',';
    out += "{\"sequenceNumber\":" + std::to_string(each.number);
    append_text(out, "reason", name(each.reason));
    out += '}';
  }
  return out += "]}";
}

std::string status_json(const ports::MessageTrace& trace) {
  std::string out = head(trace);
  append_number(out, "delivered", trace.delivered);
  append_failed(out, failed_users(trace, kMaxNamedUsers), false);
  append_flag(out, "stored", trace.stored);
  return out += '}';
}

std::string trace_json(const ports::MessageTrace& trace, bool for_operator) {
  const model::Message& message = *trace.message;
  std::string out = head(trace);
  append_flag(out, "stored", trace.stored);
  append_number(out, "delivered", trace.delivered);
  append_number(out, "gone", trace.gone);
  append_text(out, "targetClass", name(message.target.target_class));
  if (message.target.target_class != model::TargetClass::all) append_text(out, "targetId", message.target.id);
  append_text(out, "messageType", name(message.type));
  append_text(out, "targetChannel", message.channel);
  if (message.sequence) append_number(out, "sequenceNumber", *message.sequence);
  append_text(out, "userId", message.sender.str());
  append_text(out, "timestamp", base::iso8601(message.published_at));
  if (!message.correlation_id.empty()) append_text(out, "correlationId", message.correlation_id);
  if (for_operator)
    append_list(out, "deliveredTo", trace.delivered_to,
                [&](const model::UserId& each) { base::append_json_string(out, each.str()); });
  append_list(out, "queues", trace.queues,
              [&](const ports::QueueTrace& each) { append_queue(out, each, for_operator); });
  return out += '}';
}

}  // namespace carillon::message_retrieval
