#pragma once

#include <string>

#include "cli/client.hpp"

namespace carillon::cli {

struct ConnectionsOptions {
  ClientOptions client;
  std::string user;
  std::string chat;
};

/// `carillon connections`: who is connected.
int connections(const ConnectionsOptions& options, Console& console);

}  // namespace carillon::cli
