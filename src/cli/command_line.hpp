#pragma once

#include <expected>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "cli/backup.hpp"
#include "cli/bench/bench.hpp"
#include "cli/config.hpp"
#include "cli/connections.hpp"
#include "cli/listen.hpp"
#include "cli/messages.hpp"
#include "cli/permissions.hpp"
#include "cli/publish.hpp"
#include "cli/queues.hpp"
#include "cli/restore.hpp"
#include "cli/serve.hpp"
#include "cli/token.hpp"
#include "cli/trace.hpp"
#include "cli/verify.hpp"

namespace carillon::cli {

/// What a command line asks for; the type says which command.
using Command = std::variant<ServeOptions, TokenOptions, PublishOptions, ListenOptions, PermissionsOptions,
                             ConnectionsOptions, QueuesOptions, MessagesOptions, TraceOptions, ConfigOptions,
                             BackupOptions, RestoreOptions, VerifyOptions, bench::Options>;

/// There is nothing to run: help or version was asked for (status 0), or the usage was wrong (2).
struct UsageExit {
  int status = 2;
  std::string out;  ///< for stdout
  std::string err;  ///< for stderr
};

/// Reads `arguments` (without the program's name). `environment` holds the variables that begin with
/// `CARILLON_`: CARILLON_URL and CARILLON_TOKEN stand in for flags, the rest goes into SettingsSources.
std::expected<Command, UsageExit> parse_command_line(std::vector<std::string> arguments,
                                                     const std::map<std::string, std::string>& environment);

}  // namespace carillon::cli
