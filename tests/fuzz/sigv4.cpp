// AWS Signature Version 4: the Authorization header, and whole requests. The first byte says which. A request
// is read as lines: path, query, `name:value` headers, an empty line, body; what was signed is good, and only
// with its secret.
#include "authorizer/sigv4.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace {

using carillon::authorizer::SignatureHeader;
namespace authorizer = carillon::authorizer;
namespace base = carillon::base;
namespace ports = carillon::ports;

constexpr base::EpochMs kNow = 1'795'161'092'000;
constexpr std::string_view kDate = "20261120T075132Z";

void check(bool holds) {
  if (!holds) std::abort();
}

void read_header(std::string_view value) {
  const auto header = authorizer::parse_signature_header(value);
  if (!header) return check(!header.error().details().empty());
  check(value.size() <= authorizer::kMaxSignatureHeaderBytes);
  check(!header->header_names.empty() && header->header_names.size() <= authorizer::kMaxSignedHeaders);
  check(std::ranges::is_sorted(header->header_names));
  check(header->signature.size() == 64 && !header->access_key_id.empty());
  ports::HttpRequest request;
  request.headers = {{"authorization", std::string(value)}};
  check(authorizer::carries_signature(request));
  check(!authorizer::check_signature(request, *header, "secret", kNow));
}

std::string take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  std::string line(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

void sign_request(std::string_view text) {
  ports::HttpRequest request;
  request.method = "POST";
  request.path = take_line(text);
  request.query = take_line(text);
  request.headers = {{"host", "h"}, {"x-amz-date", std::string(kDate)}};
  for (std::string line = take_line(text); !line.empty(); line = take_line(text))
    request.headers.emplace_back(line.substr(0, line.find(':')),
                                 line.substr(std::min(line.find(':'), line.size() - 1) + 1));
  request.body = text;
  request.headers.emplace_back("x-amz-content-sha256", base::hex_encode(base::sha256(request.body)));
  std::string value =
      "AWS4-HMAC-SHA256 Credential=A/20261120/r/execute-api/aws4_request,SignedHeaders="
      "host;x-amz-content-sha256;x-amz-date,Signature=" +
      std::string(64, '0');
  const auto header = authorizer::parse_signature_header(value);
  const auto canonical = authorizer::canonical_request(request, *header);
  if (!canonical) return check(!authorizer::check_signature(request, *header, "secret", kNow));
  const std::string signature = authorizer::signature_of(*header, kDate, *canonical, "secret");
  check(!authorizer::check_signature(request, *header, "secret", kNow));
  SignatureHeader good = *header;
  good.signature = signature;
  check(authorizer::check_signature(request, good, "secret", kNow).has_value());
  check(!authorizer::check_signature(request, good, "other", kNow));
  check(!authorizer::check_signature(request, good, "secret", kNow + 300'001));
  request.body += 'x';
  check(!authorizer::check_signature(request, good, "secret", kNow));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0)
    read_header(rest);
  else
    sign_request(rest);
  return 0;
}
