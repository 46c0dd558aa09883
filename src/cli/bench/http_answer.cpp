#include "cli/bench/http_answer.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>

namespace carillon::cli::bench {
namespace {

constexpr std::size_t kMaxHeadBytes = 65536;
constexpr std::size_t kMaxBodyBytes = std::size_t{1} << 24;

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// The header's value, empty when there is none.
std::string_view header(std::string_view head, std::string_view name) {
  for (auto line_end = head.find("\r\n"); line_end != std::string_view::npos; line_end = head.find("\r\n")) {
    head.remove_prefix(line_end + 2);
    const auto line = head.substr(0, head.find("\r\n"));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !same_name(line.substr(0, colon), name)) continue;
    auto value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
    return value;
  }
  return {};
}

/// The size of a chunked body that `bytes` begins with, trailers not expected.
std::expected<std::size_t, HttpError> chunked_size(std::string_view bytes) {
  std::size_t at = 0;
  while (true) {
    const auto line_end = bytes.find("\r\n", at);
    if (line_end == std::string_view::npos) return std::unexpected(HttpError::incomplete);
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(bytes.data() + at, bytes.data() + line_end, length, 16);
    if (error != std::errc() || length > kMaxBodyBytes) return std::unexpected(HttpError::broken);
    at = line_end + 2 + length + 2;
    if (bytes.size() < at) return std::unexpected(HttpError::incomplete);
    if (length == 0) return at;
  }
}

}  // namespace

std::expected<HttpAnswer, HttpError> read_http_answer(std::string_view bytes) {
  constexpr std::string_view kVersion = "HTTP/1.";
  const auto head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    const bool fits = bytes.size() <= kMaxHeadBytes && bytes.starts_with(kVersion.substr(0, bytes.size()));
    return std::unexpected(fits ? HttpError::incomplete : HttpError::broken);
  }
  const auto head = bytes.substr(0, head_end);
  HttpAnswer answer{.size = head_end + 4};
  if (!head.starts_with(kVersion) || head.size() < 12) return std::unexpected(HttpError::broken);
  const auto* const status_end = head.data() + 12;
  if (std::from_chars(head.data() + 9, status_end, answer.status).ptr != status_end) {
    return std::unexpected(HttpError::broken);
  }
  std::size_t length = 0;
  if (const auto text = header(head, "content-length"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (error != std::errc() || length > kMaxBodyBytes) return std::unexpected(HttpError::broken);
  } else if (same_name(header(head, "transfer-encoding"), "chunked")) {
    const auto chunked = chunked_size(bytes.substr(answer.size));
    if (!chunked) return std::unexpected(chunked.error());
    length = *chunked;
  } else if (answer.status >= 200 && answer.status != 204) {
    return std::unexpected(HttpError::broken);
  }
  if (bytes.size() < answer.size + length) return std::unexpected(HttpError::incomplete);
  answer.body = bytes.substr(answer.size, length);
  answer.size += length;
  return answer;
}

}  // namespace carillon::cli::bench
