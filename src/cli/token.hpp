#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "cli/client.hpp"
#include "server/settings.hpp"

namespace carillon::cli {

struct TokenOptions {
  std::string user;
  std::vector<std::string> scopes;
  std::vector<std::string> groups;
  std::vector<std::pair<std::string, std::string>> claims;
  std::chrono::milliseconds lifetime{std::chrono::hours(1)};
  /// With a file its `auth.hs256_secret` signs; without one the development key of the data directory.
  server::SettingsSources sources;
  bool json = false;
};

/// `carillon token`: prints a token. 1 when there is nothing to sign with.
int token(const TokenOptions& options, Console& console);

}  // namespace carillon::cli
