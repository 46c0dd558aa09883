#pragma once

#include <cstdint>
#include <string>

#include "cli/client.hpp"

namespace carillon::cli {

struct BackupOptions {
  std::string data, out;
  std::uint32_t keep = 0;  ///< backups that stay; 0: all
  bool json = false;
};

/// `carillon backup`: adds a backup to `out`, reads it again, then removes what is over `keep`. Works beside
/// a live server. 1 when there is no new whole backup.
int backup(const BackupOptions& options, Console& console);

}  // namespace carillon::cli
