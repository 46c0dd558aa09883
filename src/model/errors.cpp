#include "model/errors.hpp"

#include "base/bytes.hpp"

namespace carillon::model {
namespace {

void append_common(std::string& out, const Error& error) {
  if (!error.details().empty()) {
    out += ",\"details\":";
    base::append_json_string(out, base::printable(error.details()));
  }
  if (error.retry_after_ms() > 0) out += ",\"retryAfterMs\":" + std::to_string(error.retry_after_ms());
  out += error.members();
  out += '}';
}

}  // namespace

std::string error_body(const Error& error) {
  std::string out = "{\"error\":";
  base::append_json_string(out, error.text());
  append_common(out, error);
  return out;
}

std::string error_frame(const Error& error, std::string_view request_id_json) {
  std::string out = "{\"error\":";
  base::append_json_string(out, error.text());
  out += ",\"statusCode\":" + std::to_string(error.status());
  if (!request_id_json.empty()) {
    out += ",\"requestId\":";
    out += request_id_json;
  }
  append_common(out, error);
  return out;
}

Error retry_later(const base::ErrorEntry& entry, std::int64_t retry_after_ms, std::string details) {
  return Error(entry, std::move(details)).with_retry_after_ms(retry_after_ms);
}

}  // namespace carillon::model
