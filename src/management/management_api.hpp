#pragma once

#include <vector>

#include "ports/connection_directory.hpp"
#include "ports/http.hpp"

namespace carillon::management {

/// What POST sends at most; over it 413.
inline constexpr std::size_t kMaxPostBytes = 128 * 1024;

/// `POST`, `GET` and `DELETE /@connections/{connectionId}` as the cloud's management API has them, so that
/// its SDK works here (CONTRACT §12): a bearer token or an access key's signature, both with
/// `carillon/admin`. Errors: gone, message_too_large, invalid_parameter, in the words of
/// management_api_error(). `directory` must outlive the routes.
std::vector<ports::Route> management_api_routes(ports::ConnectionDirectory& directory);

/// The documented answer with what the SDK reads beside it: `message`, and `x-amzn-ErrorType`.
ports::HttpResponse management_api_error(const model::Error& error);

}  // namespace carillon::management
