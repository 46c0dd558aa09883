#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>

#include "cli/interrupts.hpp"
#include "cli/message_printer.hpp"
#include "cli/messages.hpp"
#include "cli/websocket_client.hpp"

namespace carillon::cli {

/// The messages of the last while, so that none is printed twice.
class RecentMessages {
 public:
  /// How far behind the newest one a message is remembered at least, in publish time.
  static constexpr base::EpochMs kSpanMs = 10'000;
  static constexpr std::size_t kMin = 10'000;
  static constexpr std::size_t kMax = 1'000'000;

  /// Whether it was not there before; from then on it is.
  bool add(const std::string& message_id, base::EpochMs published_at);
  /// The newest publish time seen; nothing before the first.
  std::optional<base::EpochMs> newest() const { return newest_; }

 private:
  struct Entry {
    std::string message_id;
    base::EpochMs published_at;
  };
  std::unordered_set<std::string> ids_;
  std::deque<Entry> order_;
  std::optional<base::EpochMs> newest_;
};

/// `carillon messages --follow`: the newest messages, then what comes, each once and none left out. Connects
/// first and reads the history then, so that nothing falls between; after a lost connection the same again
/// from a little before the newest message it has. Ephemeral messages are no history and are left out.
/// Blocking, one thread.
class MessageFollower {
 public:
  MessageFollower(const MessagesOptions& options, Console& console, MessagePrinter& printer,
                  std::chrono::milliseconds retry_base = std::chrono::milliseconds(500));

  /// Until SIGINT or SIGTERM (0), or until going on makes no sense (1): the first connection fails, the
  /// server refuses, access is revoked, the token expires, an operator disconnects.
  int run();

 private:
  enum class Step { go_on, interrupted, lost, over };

  Step session();
  Step greet(WebSocketClient& client);
  Step catch_up();
  Step follow(WebSocketClient& client);
  Step on_frame(const ServerEvent& frame);
  Step on_end(const WebSocketClient::Event& event);
  Step on_failure(const HistoryFailure& failure);
  Step lose(std::string reason);
  Step print_new(std::vector<HistoryItem> items);
  bool is_ours(std::string_view target_class, std::string_view target_id) const;
  std::chrono::milliseconds next_delay();

  MessagesOptions options_;
  Console& console_;
  MessagePrinter& printer_;
  std::chrono::milliseconds retry_base_;
  Interrupts interrupts_;
  std::string target_class_, target_id_;
  RecentMessages recent_;
  std::string store_epoch_;
  bool started_ = false;  ///< the history was read once
  /// Of the newest message at that time: what is older was left out on purpose.
  std::optional<base::EpochMs> floor_;
  std::string lost_reason_;
  std::optional<std::chrono::milliseconds> told_delay_;
  unsigned failures_ = 0;
};

}  // namespace carillon::cli
