#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "cli/client.hpp"
#include "cli/history_answer.hpp"

namespace carillon::cli {

struct MessagesOptions {
  ClientOptions client;
  std::string chat;    ///< this or `target`
  std::string target;  ///< `class:id` or `all`
  std::size_t limit = 50;
  bool all = false;           ///< every page, whatever `limit`
  bool oldest_first = false;  ///< the first ones instead of the last ones
  std::string from, to;       ///< RFC 3339, or empty
  std::string sequences;      ///< `3,5-9`, or empty
  bool follow = false;
  std::size_t columns = 0;  ///< the terminal's width; 0: lines are as long as they are
};

/// `carillon messages`: prints a target's history, the newest message at the bottom. With `follow` goes on
/// with what comes until SIGINT or SIGTERM (0), and blocks those two signals for the process.
int messages(const MessagesOptions& options, Console& console);

/// The query parameters that name the options' target.
QueryParameters target_parameters(const MessagesOptions& options);
/// The newest `limit` messages within the options' bounds, oldest first.
std::expected<std::vector<HistoryItem>, HistoryFailure> read_newest(const MessagesOptions& options,
                                                                    Console& console);

}  // namespace carillon::cli
