#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "cli/client.hpp"

/// What `GET /messages` answers and what message frames say, as the commands need it.
namespace carillon::cli {

/// One message. The texts for people have control and bidi characters escaped.
struct HistoryItem {
  std::string json;  ///< as the server wrote it
  std::string message_id;
  std::string target_class, target_id;
  base::EpochMs published_at = 0;
  std::uint64_t number = 0;    ///< 0: none
  bool client_number = false;  ///< it was the publisher's customSequence
  bool ephemeral = false;
  std::string time, sender, type, content;  ///< for people
};

struct MissingItem {
  std::uint64_t number = 0;
  std::string reason;  ///< for people
};

struct HistoryAnswer {
  std::vector<HistoryItem> items;
  std::vector<MissingItem> missing;
  std::string next_token;  ///< empty: that was all
};

/// Why there is no answer: the server's refusal, or (status 0) a reason.
struct HistoryFailure {
  HttpReply reply;
  std::string reason;
};

using QueryParameters = std::vector<std::pair<std::string, std::string>>;

/// JSON as messages can nest it; null for what is none.
boost::json::value parse_message_json(std::string_view text);
/// The message that a frame of type `message` carries; nothing for other frames.
std::optional<HistoryItem> item_of_frame(const boost::json::value& frame, std::string json);

/// One page of `GET /messages`.
std::expected<HistoryAnswer, HistoryFailure> read_history(const ClientOptions& client,
                                                          const QueryParameters& parameters,
                                                          Console& console);
/// Explains on `console.err`; returns the exit status 1.
int explain_history_failure(const ClientOptions& client, const HistoryFailure& failure, Console& console);

}  // namespace carillon::cli
