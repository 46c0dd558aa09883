#include "gateway/http_response_writer.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "gateway/header_value.hpp"
#include "gateway/http_status.hpp"

namespace carillon::gateway {
namespace {

constexpr std::size_t kJoined = 16384;  ///< bodies up to here are joined to their head

bool fits_on_a_line(std::string_view value) {
  return std::ranges::none_of(value,
                              [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; });
}

/// `Date: …\r\n`, made once a second (RFC 9110 §6.6.1).
std::string_view date_line() {
  thread_local std::time_t made_for = 0;
  thread_local std::array<char, 64> line{};
  thread_local std::size_t size = 0;
  const std::time_t now = std::time(nullptr);
  if (now != made_for) {
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    size = std::strftime(line.data(), line.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    made_for = now;
  }
  return {line.data(), size};
}

}  // namespace

void write_response(OutboundQueue& out, ports::HttpResponse response, const ResponseFrame& frame) {
  const bool bodiless = response.status == 204 || response.status == 304 || response.status < 200;
  std::string head;
  const std::string_view content = response.content();
  head.reserve(320 + (content.size() <= kJoined ? content.size() : 0));
  head += frame.http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ";
  head += std::to_string(response.status);
  head += ' ';
  head += reason_phrase(response.status);
  head += "\r\n";
  head += date_line();
  if (!bodiless) {
    if (!response.content_type.empty() && fits_on_a_line(response.content_type))
      head.append("Content-Type: ").append(response.content_type).append("\r\n");
    head.append("Content-Length: ").append(std::to_string(content.size())).append("\r\n");
  }
  head += "X-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : response.headers)
    if (is_token(name) && fits_on_a_line(value)) head.append(name).append(": ").append(value).append("\r\n");
  if (!frame.origin.empty() && fits_on_a_line(frame.origin)) {
    head.append("Access-Control-Allow-Origin: ").append(frame.origin).append("\r\n");
    head += "Access-Control-Expose-Headers: Retry-After, traceparent, x-amzn-ErrorType\r\n";
  }
  if (!frame.traceparent.empty()) head.append("traceparent: ").append(frame.traceparent).append("\r\n");
  if (frame.vary_origin) head += "Vary: Origin\r\n";
  if (frame.close)
    head += "Connection: close\r\n";
  else if (frame.http_1_0)
    head += "Connection: keep-alive\r\n";
  head += "\r\n";
  if (frame.head || bodiless) return out.append(std::string_view(head));
  if (content.size() <= kJoined) {
    head += content;
    return out.append(std::string_view(head));
  }
  out.append(std::string_view(head));
  if (!response.shared_body.empty()) return out.append_shared(std::move(response.shared_owner), content);
  out.append(std::move(response.body));
}

}  // namespace carillon::gateway
