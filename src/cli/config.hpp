#pragma once

#include "cli/client.hpp"
#include "server/settings.hpp"

namespace carillon::cli {

struct ConfigOptions {
  enum class Action { check, print };

  Action action = Action::check;
  server::SettingsSources sources;
  bool json = false;
};

/// `carillon config check|print`: 1 when a server would not start with it.
int config(const ConfigOptions& options, Console& console);

}  // namespace carillon::cli
