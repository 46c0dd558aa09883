#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace carillon::embedded {

/// The version of everything in docs/storage-format.md. A program opens stores of this version only.
inline constexpr unsigned kFormatVersion = 1;

/// `format` in the data directory says which version the store beside it has, in a form that a program of any
/// version can read before it touches the database. Errors: store_too_new, store_corrupt, unavailable.
base::Result<void> check_format(const std::filesystem::path& data_directory);
/// On disk when it returns.
base::Result<void> write_format(const std::filesystem::path& data_directory);

/// Makes names created in or moved into the directory survive a power cut.
base::Result<void> sync_directory(const std::filesystem::path& directory);

}  // namespace carillon::embedded
