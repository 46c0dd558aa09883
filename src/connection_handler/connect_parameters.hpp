#pragma once

#include <string>
#include <vector>

#include "model/errors.hpp"
#include "model/identity.hpp"
#include "ports/http.hpp"

namespace carillon::connection_handler {

/// What an upgrade asks for in its query (CONTRACT §5).
struct ConnectParameters {
  std::vector<std::string> chat_ids;  ///< each once, in the order named
  bool every_chat = false;            ///< `chatId=*`
  std::vector<model::Target> memberships;
};

/// Pure. Errors: user_id_mismatch, invalid_parameter.
model::Result<ConnectParameters> read_connect_parameters(const ports::HttpRequest& request,
                                                         const model::Identity& identity);

}  // namespace carillon::connection_handler
