#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace carillon::gateway {

struct HttpStatus {
  int status;
  std::string_view reason;
};

/// The statuses that the service answers with, in rising order, and their standard reason phrases (RFC 9110).
inline constexpr std::array kHttpStatuses{
    HttpStatus{200, "OK"},
    HttpStatus{201, "Created"},
    HttpStatus{202, "Accepted"},
    HttpStatus{204, "No Content"},
    HttpStatus{301, "Moved Permanently"},
    HttpStatus{302, "Found"},
    HttpStatus{303, "See Other"},
    HttpStatus{304, "Not Modified"},
    HttpStatus{307, "Temporary Redirect"},
    HttpStatus{308, "Permanent Redirect"},
    HttpStatus{400, "Bad Request"},
    HttpStatus{401, "Unauthorized"},
    HttpStatus{403, "Forbidden"},
    HttpStatus{404, "Not Found"},
    HttpStatus{405, "Method Not Allowed"},
    HttpStatus{408, "Request Timeout"},
    HttpStatus{409, "Conflict"},
    HttpStatus{410, "Gone"},
    HttpStatus{413, "Content Too Large"},
    HttpStatus{414, "URI Too Long"},
    HttpStatus{415, "Unsupported Media Type"},
    HttpStatus{417, "Expectation Failed"},
    HttpStatus{422, "Unprocessable Content"},
    HttpStatus{426, "Upgrade Required"},
    HttpStatus{429, "Too Many Requests"},
    HttpStatus{431, "Request Header Fields Too Large"},
    HttpStatus{500, "Internal Server Error"},
    HttpStatus{501, "Not Implemented"},
    HttpStatus{502, "Bad Gateway"},
    HttpStatus{503, "Service Unavailable"},
    HttpStatus{504, "Gateway Timeout"},
    HttpStatus{505, "HTTP Version Not Supported"},
};

/// Its place in kHttpStatuses; their number for any other.
constexpr std::size_t index_of_status(int status) {
  const auto found = std::ranges::lower_bound(kHttpStatuses, status, {}, &HttpStatus::status);
  const bool known = found != kHttpStatuses.end() && found->status == status;
  return known ? static_cast<std::size_t>(found - kHttpStatuses.begin()) : kHttpStatuses.size();
}

/// Or "Unknown".
constexpr std::string_view reason_phrase(int status) {
  const std::size_t index = index_of_status(status);
  return index < kHttpStatuses.size() ? kHttpStatuses[index].reason : "Unknown";
}

}  // namespace carillon::gateway
