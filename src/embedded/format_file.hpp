#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.hpp"

namespace carillon::embedded {

/// The version of everything in docs/storage-format.md. Older stores are upgraded when they are opened.
inline constexpr unsigned kFormatVersion = 4;

/// `format` in the data directory says which version the store beside it has, in a form that a program of any
/// version can read before it touches the database: that version, at most kFormatVersion. Errors:
/// store_too_new, store_corrupt.
base::Result<unsigned> read_format(const std::filesystem::path& data_directory);
/// Says kFormatVersion. On disk when it returns, and never half written.
base::Result<void> write_format(const std::filesystem::path& data_directory);

/// Replaces the file as a whole, with mode 0600; on disk when it returns. Errors: unavailable.
base::Result<void> replace_file(const std::filesystem::path& path, std::string_view text);

/// Error: unavailable, `cannot create /path: No space left on device`.
std::unexpected<base::Error> io_failure(std::string_view doing, const std::filesystem::path& path,
                                        const std::error_code& code);

/// Makes names created in or moved into the directory survive a power cut.
base::Result<void> sync_directory(const std::filesystem::path& directory);

}  // namespace carillon::embedded
