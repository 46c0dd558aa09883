#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/client.hpp"

namespace carillon::cli {

struct PublishOptions {
  ClientOptions client;
  std::string chat;
  std::string target;  ///< `CLASS:ID` or `all`, when there is no chat
  std::string content;
  bool json_content = false;  ///< `content` is JSON, not a text
  std::string type = "standard";
  std::string event_type = "chat";
  std::string group;
  std::string channel = "WebSocket";
  std::string deduplication_id;  ///< empty: a fresh one
  std::string correlation_id;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::optional<std::uint64_t> sequence;
  bool no_sequence = false;
  bool exclude_sender = false;
};

/// The body of CONTRACT §7; `deduplication_id` is used when the options have none.
std::string publish_body(const PublishOptions& options, const std::string& deduplication_id);

/// `carillon publish`: 2 when the content is no JSON though it should be.
int publish(const PublishOptions& options, Console& console);

}  // namespace carillon::cli
