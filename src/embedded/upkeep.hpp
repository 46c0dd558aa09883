#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "embedded/backup.hpp"

/// What `carillon backup` and `carillon verify` ask for, of a store that no server uses or of a live server
/// over its control socket (docs/storage-format.md). Requests and answers are JSON, one line each.
namespace carillon::embedded {

class Store;

struct UpkeepRequest {
  enum class Command { backup, verify };
  Command command = Command::verify;
  std::filesystem::path out;  ///< of backup: absolute
};

std::string request_line(const UpkeepRequest& request);
/// Errors: invalid_json, invalid_parameter.
base::Result<UpkeepRequest> parse_request(std::string_view line);

/// Does it and answers with an object. Blocks; any thread. Errors: as for StoreUpkeep.
base::Result<std::string> perform_upkeep(const Store& store, const UpkeepRequest& request,
                                         std::uint64_t bytes_per_second, const UpkeepProgress& progress,
                                         std::stop_token stop);

/// The same for a data directory: opens the store, or asks the server that has it open. A store of an older
/// format is left as it is. Errors: also not_found (there is no store), unavailable (an older format).
base::Result<std::string> run_upkeep(const std::filesystem::path& data_directory,
                                     const UpkeepRequest& request, const UpkeepProgress& progress);

}  // namespace carillon::embedded
