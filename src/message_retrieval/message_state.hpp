#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ports/message_history.hpp"

namespace carillon::message_retrieval {

/// The seeds' states of a message (CONTRACT §10): how far it is on its way, in one word.
enum class MessageState : std::uint8_t { published, queued, processing, delivered, stored, failed, expired };

std::string_view name(MessageState state);

/// Past its retention it is expired; a dead letter in any queue makes it failed. Otherwise what the queues
/// that deliver are doing, then whether somebody got it, then whether it is stored; MessageStorageQueue
/// counts only for a message that nothing else says anything of. Pure.
MessageState state_of(const ports::MessageTrace& trace);

/// Who did not get it, each user once per reason, in the order of the queues; at most `most`. Failures
/// without a user (a webhook's) are left out. Pure.
std::vector<ports::FailedRecipient> failed_users(const ports::MessageTrace& trace, std::size_t most);

}  // namespace carillon::message_retrieval
