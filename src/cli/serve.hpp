#pragma once

#include "server/settings.hpp"

namespace carillon::cli {

/// `carillon serve`: file, environment and flags as they were given; nothing is read or checked yet.
struct ServeOptions {
  server::SettingsSources sources;
};

/// Runs the service until SIGTERM or SIGINT. Returns the exit status: 0 after a drain, 1 when it cannot
/// start (said in one line on stderr).
int serve(const ServeOptions& options);

}  // namespace carillon::cli
