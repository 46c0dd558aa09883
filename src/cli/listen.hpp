#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/client.hpp"
#include "cli/websocket_client.hpp"

namespace carillon::cli {

struct ListenOptions {
  ClientOptions client;
  std::vector<std::string> chats;
  std::string org;
  std::string hub;
  std::string project;
};

/// `carillon listen`: prints every frame as a JSON line until SIGINT or SIGTERM (0) or until the server
/// closes (1). Blocks those two signals and ignores SIGPIPE for the process.
int listen(const ListenOptions& options, Console& console);

/// The path and query that ask for what the options name.
std::string listen_target(const ListenOptions& options);
/// A received message as one JSON line that is safe on a terminal; what is no JSON as a JSON string.
std::string listen_line(const ServerEvent& message);

}  // namespace carillon::cli
