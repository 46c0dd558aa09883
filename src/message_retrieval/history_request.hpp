#pragma once

#include <string>
#include <vector>

#include "message_retrieval/time_range.hpp"
#include "model/target.hpp"
#include "ports/http.hpp"
#include "ports/message_history.hpp"

namespace carillon::message_retrieval {

inline constexpr std::size_t kDefaultLimit = 50;
inline constexpr std::size_t kMaxLimit = 1000;

/// What `GET /messages` asks for.
struct HistoryRequest {
  model::Target target;
  std::vector<ports::NumberRange>
      numbers;  ///< with `sequences`, which stands alone beside the chat; else none
  bool oldest_first = false;
  TimeRange range;
  std::size_t limit = kDefaultLimit;
  std::string start_key;  ///< as given, not opened yet; empty: at the start
};

/// Reads the query: `chatId` or `targetClass` and `targetId`, `limit`, `startKey` (alias `nextToken`),
/// `fromTimestamp`, `toTimestamp`, `order`, `sequences` (CONTRACT §10). Each at most once; only a token may
/// be empty, which means none; names that it does not know are ignored. Pure. Errors: invalid_parameter,
/// invalid_target_class.
model::Result<HistoryRequest> read_history_request(const ports::HttpRequest& request);

}  // namespace carillon::message_retrieval
