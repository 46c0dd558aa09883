#pragma once

#include "ports/http.hpp"

namespace carillon::management {

/// `handler` for identities with `carillon/admin`; 403 for others, worded by `refuse`.
ports::HttpHandler admin_only(ports::HttpHandler handler,
                              ports::ErrorStyle refuse = &ports::HttpResponse::error);

/// The query parameter `limit`. Errors: invalid_parameter.
model::Result<std::size_t> limit_of(const ports::HttpRequest& request, std::size_t absent, std::size_t most);

}  // namespace carillon::management
