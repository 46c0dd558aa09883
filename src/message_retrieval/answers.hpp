#pragma once

#include <optional>
#include <string>

#include "ports/message_history.hpp"

/// What `/messages` answers, as JSON text (CONTRACT §10). Pure.
namespace carillon::message_retrieval {

/// How many failed recipients and users that got it an answer names.
inline constexpr std::size_t kMaxNamedUsers = 1000;

/// One message, as CONTRACT §8 without its processorTimestamp.
std::string message_json(const model::Message& message);
/// `{"messages":[…],"count":N,"nextToken"?:"…"}`.
std::string page_json(const ports::HistoryPage& page, const std::optional<std::string>& next_token);
/// `{"messages":[…],"count":N,"missing":[{"sequenceNumber","reason"}]}`.
std::string sequences_json(const ports::SequencePage& page);
/// `{"messageId","state","delivered","failed":[{"userId","reason"}],"stored"}`.
std::string status_json(const ports::MessageTrace& trace);
/// Where the message is, who got it, who did not and why; no content. Only operators are told which users got
/// it, and the ids of connections.
std::string trace_json(const ports::MessageTrace& trace, bool for_operator);

}  // namespace carillon::message_retrieval
