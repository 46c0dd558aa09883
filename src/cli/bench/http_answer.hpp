#pragma once

#include <cstddef>
#include <expected>
#include <string_view>

namespace carillon::cli::bench {

/// An HTTP/1.1 answer at the front of what a server sent; more may follow (pipelining).
struct HttpAnswer {
  int status = 0;
  std::string_view body;  ///< as it came: with chunk headers in it when the server sent chunks
  std::size_t size = 0;   ///< head and body
};

enum class HttpError { incomplete, broken };

/// Reads the answer that `bytes` begins with; an upgrade's 101 has no body. Answers that end with the
/// connection are broken: nothing could follow them.
std::expected<HttpAnswer, HttpError> read_http_answer(std::string_view bytes);

}  // namespace carillon::cli::bench
