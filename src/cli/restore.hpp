#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/client.hpp"

namespace carillon::cli {

struct RestoreOptions {
  std::string in, data;
  std::optional<std::uint32_t> backup;  ///< nothing: the newest
  bool json = false;
};

/// `carillon restore`: puts a backup into an absent or empty data directory, as a new store with a new epoch.
/// 1 when it could not; nothing then bears the store's name.
int restore(const RestoreOptions& options, Console& console);

}  // namespace carillon::cli
