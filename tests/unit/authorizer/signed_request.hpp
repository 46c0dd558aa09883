#pragma once

#include <string>
#include <utility>
#include <vector>

#include "authorizer/sigv4.hpp"
#include "base/bytes.hpp"

namespace carillon::authorizer::testing {

inline constexpr base::EpochMs kSignedAt = 1'795'161'092'000;  // 2026-11-20T07:51:32Z
inline constexpr std::string_view kAmzDate = "20261120T075132Z";

inline std::string& header_of(ports::HttpRequest& request, std::string_view name) {
  for (auto& [each, value] : request.headers)
    if (each == name) return value;
  return request.headers.emplace_back(std::string(name), "").second;
}

inline std::string join(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& each : names) list += (list.empty() ? "" : ";") + each;
  return list;
}

/// What can be wrong with a signature, beside the request.
struct Signing {
  std::string key_id = "AKIDEXAMPLE";
  std::string secret = "secret";
  std::string date = std::string(kAmzDate.substr(0, 8));
  std::string service = "execute-api";
  std::vector<std::string> names{"host", "x-amz-content-sha256", "x-amz-date"};
};

/// Adds the Authorization header for what the request holds then. False when it cannot be signed like this.
inline bool sign(ports::HttpRequest& request, const Signing& with = {}) {
  const std::string scope = with.date + "/us-east-1/" + with.service + "/aws4_request";
  const std::string start = "AWS4-HMAC-SHA256 Credential=" + with.key_id + "/" + scope +
                            ", SignedHeaders=" + join(with.names) + ", Signature=";
  const std::string unsigned_value = start + std::string(64, '0');
  const auto header = parse_signature_header(unsigned_value);
  if (!header) return false;
  const auto canonical = canonical_request(request, *header);
  if (!canonical) return false;
  const std::string signature = signature_of(*header, request.header("x-amz-date"), *canonical, with.secret);
  header_of(request, "authorization") = start + signature;
  return true;
}

/// As the SDK sends it, but for the Authorization header.
inline ports::HttpRequest unsigned_request(std::string body = "{\"a\":1}") {
  ports::HttpRequest request;
  request.method = "POST";
  request.path = "/@connections/L0SM9cOFvHcCIhw%3D";
  request.sent_path = "/dvl/@connections/L0SM9cOFvHcCIhw%3D";
  request.headers = {{"host", "127.0.0.1:19999"},
                     {"x-amz-date", std::string(kAmzDate)},
                     {"x-amz-content-sha256", base::hex_encode(base::sha256(body))}};
  request.body = std::move(body);
  return request;
}

inline ports::HttpRequest signed_request() {
  auto request = unsigned_request();
  sign(request);
  return request;
}

}  // namespace carillon::authorizer::testing
