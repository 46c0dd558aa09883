#pragma once

#include <string>

#include "cli/client.hpp"

namespace carillon::cli {

struct TraceOptions {
  ClientOptions client;
  std::string message_id;
};

/// `carillon trace`: where a message is, who got it, who did not and why, and what can be done.
int trace(const TraceOptions& options, Console& console);

}  // namespace carillon::cli
