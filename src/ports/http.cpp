#include "ports/http.hpp"

#include "base/bytes.hpp"

namespace carillon::ports {
namespace {

template <typename Visit>
void for_each_parameter(std::string_view query, Visit visit) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const std::size_t equals = pair.find('=');
    auto name = base::percent_decode(pair.substr(0, equals), true);
    auto value = base::percent_decode(
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (name && value && !visit(*name, *value)) return;
  }
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [each, value] : headers)
    if (each == name) return value;
  return {};
}

std::optional<base::TraceContext> HttpRequest::incoming_trace() const {
  const std::string* found = nullptr;
  for (const auto& [each, value] : headers) {
    if (each != "traceparent") continue;
    if (found) return std::nullopt;
    found = &value;
  }
  return found ? base::parse_traceparent(*found) : std::nullopt;
}

std::optional<std::string> HttpRequest::query_value(std::string_view name) const {
  std::optional<std::string> found;
  for_each_parameter(query, [&](std::string& each, std::string& value) {
    if (each == name) found = std::move(value);
    return !found;
  });
  return found;
}

std::vector<std::string> HttpRequest::query_values(std::string_view name) const {
  std::vector<std::string> found;
  for_each_parameter(query, [&](std::string& each, std::string& value) {
    if (each == name) found.push_back(std::move(value));
    return true;
  });
  return found;
}

HttpResponse HttpResponse::json(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::error(const model::Error& error) {
  HttpResponse response = json(error.status(), model::error_body(error));
  if (error.status() == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (error.retry_after_ms() > 0)
    response.headers.emplace_back("Retry-After", std::to_string((error.retry_after_ms() + 999) / 1000));
  return response;
}

}  // namespace carillon::ports
