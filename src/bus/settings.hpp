#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace carillon::bus {

/// `[channels.NAME]`: a channel beside WebSocket, with queues of its own (CONTRACT §11).
struct ChannelSettings {
  std::string name;
  std::string url;            ///< type "webhook", the only one there is
  std::string secret;         ///< of the Standard Webhooks signature
  std::string filter;         ///< filter policy as JSON text; empty: targetChannel = NAME
  bool backend_only = false;  ///< `publishers = "backend"`
};

enum class UserTargets { any, shared_chat, none };

/// `[publish]`, `[limits]`, `[topics.fifo]`, `[queues]`, `[channels]`, `[history]`, and what else rooms of
/// the bus need to know (CONTRACT §14).
struct Settings {
  UserTargets user_targets = UserTargets::any;
  double publish_per_second = 100;  ///< per user that is no backend; 0: no limit
  double publish_burst = 500;
  bool content_based_deduplication = true;
  std::chrono::milliseconds deduplication_window{std::chrono::minutes(5)};
  std::uint64_t max_depth = 100'000;
  int max_attempts = 3;
  std::chrono::milliseconds retry_base{200};
  std::chrono::milliseconds dead_letter_retention{std::chrono::hours(14 * 24)};
  std::vector<ChannelSettings> channels;
  std::chrono::milliseconds history_retention{std::chrono::hours(30 * 24)};
  std::map<std::string, std::chrono::milliseconds> history_overrides;  ///< chat id prefix to retention
  std::size_t max_subscriptions_per_connection = 1000;
  std::size_t max_connections_per_user = 1000;
  std::int64_t high_latency_ms = 1000;  ///< `[metrics]`: over it a message counts as slow
};

}  // namespace carillon::bus
