#pragma once

#include <vector>

#include "ports/http.hpp"
#include "ports/message_history.hpp"

namespace carillon::message_retrieval {

/// The seeds' message retrieval: `GET /messages`, `/messages/{messageId}`, its `/status` and its `/trace`
/// (CONTRACT §10). Answers are for their reader alone (`Cache-Control: no-store`). `history` must outlive
/// them.
std::vector<ports::Route> message_routes(ports::MessageHistory& history);

}  // namespace carillon::message_retrieval
