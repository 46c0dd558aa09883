#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.hpp"

namespace carillon::embedded {

/// Makes `out` a private directory for backups of the store with this epoch. What is there already must be a
/// directory itself (no link), this user's, and empty or full of such backups; it becomes private again.
/// Errors: invalid_parameter (it is not so, or lies inside the data directory), store_too_new, unavailable.
base::Result<void> prepare_backup_directory(const std::filesystem::path& out,
                                            const std::filesystem::path& data_directory,
                                            std::string_view epoch);

/// Sees that `in` is a directory of backups that this program can read. Errors: not_found, store_too_new,
/// store_corrupt.
base::Result<void> check_backup_directory(const std::filesystem::path& in);

/// Makes the directory when it is not there, for its owner only. Errors: unavailable.
base::Result<void> make_private(const std::filesystem::path& directory);

}  // namespace carillon::embedded
