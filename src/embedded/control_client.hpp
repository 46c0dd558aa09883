#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "embedded/backup.hpp"

namespace carillon::embedded {

/// Sends a request line to the server that has the data directory open and waits for its answer, however long
/// that takes; a server that ends closes the socket. Errors: unavailable; what the server refused says why.
base::Result<std::string> ask_control_socket(const std::filesystem::path& data_directory,
                                             std::string_view request, const UpkeepProgress& progress);

}  // namespace carillon::embedded
