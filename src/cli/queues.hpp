#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/client.hpp"

namespace carillon::cli {

struct QueuesOptions {
  enum class Action { list, peek, redrive, purge };

  ClientOptions client;
  Action action = Action::list;
  std::string name;                      ///< all but list
  std::uint32_t limit = 10;              ///< peek
  std::vector<std::string> message_ids;  ///< redrive; empty: all
};

/// `carillon queues list|peek|redrive|purge`.
int queues(const QueuesOptions& options, Console& console);

}  // namespace carillon::cli
