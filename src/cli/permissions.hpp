#pragma once

#include <string>

#include "cli/client.hpp"

namespace carillon::cli {

struct PermissionsOptions {
  enum class Action { grant, revoke, list };

  ClientOptions client;
  Action action = Action::list;
  std::string user;
  std::string chat;
  std::string target;  ///< `CLASS:ID`, when there is no chat
  std::string role;    ///< of a grant; empty: the server's default
};

/// `carillon permissions grant|revoke|list`. A list fetches every page; with --json each page is a line.
int permissions(const PermissionsOptions& options, Console& console);

}  // namespace carillon::cli
