#include "authorizer/sigv4.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/bytes.hpp"

namespace carillon::authorizer {
namespace {

using model::Result;

constexpr std::string_view kScheme = "AWS4-";
constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";
constexpr std::string_view kOwnPrefix = "x-amz-";
constexpr std::string_view kDateHeader = "x-amz-date";
constexpr std::string_view kHashHeader = "x-amz-content-sha256";
constexpr std::size_t kMaxKeyIdBytes = 128;
constexpr std::size_t kMaxRegionBytes = 64;
constexpr std::size_t kMaxParameters = 64;
constexpr std::size_t kHexDigits = 64;  ///< of a SHA-256

std::unexpected<model::Error> refuse(const char* why) {
  return base::fail(model::errors::kBadSignature, why);
}

bool is_digest(std::string_view text) {
  return text.size() == kHexDigits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool starts_with_any_case(std::string_view text, std::string_view lower) {
  const auto to_lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return text.size() >= lower.size() && std::ranges::equal(text.substr(0, lower.size()), lower, {}, to_lower);
}

/// Takes what stands before the next `separator`, or all, off the front of `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

bool read_credential(std::string_view value, SignatureHeader& out) {
  if (std::ranges::count(value, '/') != 4) return false;
  out.access_key_id = take(value, '/');
  out.scope = value;
  out.date = take(value, '/');
  out.region = take(value, '/');
  out.service = take(value, '/');
  const auto of_region = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !out.access_key_id.empty() && out.access_key_id.size() <= kMaxKeyIdBytes && !out.region.empty() &&
         out.region.size() <= kMaxRegionBytes && std::ranges::all_of(out.region, of_region) &&
         !out.service.empty() && value == kTerminator;
}

bool read_header_names(std::string_view value, SignatureHeader& out) {
  out.signed_headers = value;
  if (static_cast<std::size_t>(std::ranges::count(value, ';')) >= kMaxSignedHeaders) return false;
  while (!value.empty()) out.header_names.push_back(take(value, ';'));
  const auto rising = [](std::string_view a, std::string_view b) { return !(a < b); };
  return !out.header_names.empty() && !out.signed_headers.ends_with(';') &&
         !out.header_names.front().empty() &&
         std::ranges::adjacent_find(out.header_names, rising) == out.header_names.end();
}

/// The value of the one header of this name; nothing when there is none, or more than one.
std::optional<std::string_view> only_header(const ports::HttpRequest& request, std::string_view name) {
  std::optional<std::string_view> found;
  for (const auto& [each, value] : request.headers) {
    if (each != name) continue;
    if (found) return std::nullopt;
    found = value;
  }
  return found;
}

/// `20261120T075132Z`.
std::optional<base::EpochMs> parse_amz_date(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  std::string iso(text.substr(0, 4));
  iso.append("-").append(text.substr(4, 2)).append("-").append(text.substr(6, 5));
  iso.append(":").append(text.substr(11, 2)).append(":").append(text.substr(13));
  return base::parse_iso8601(iso);
}

/// Without surrounding space, and with one space for each run of them.
void append_header_value(std::string& out, std::string_view value) {
  bool gap = false;
  bool begun = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t') {
      gap = begun;
      continue;
    }
    if (gap) out += ' ';
    gap = false;
    begun = true;
    out += c;
  }
}

/// What came over the wire, encoded once more.
void append_canonical_path(std::string& out, std::string_view path) {
  for (const char& c : path) out += c == '/' ? "/" : base::percent_encode({&c, 1});
}

/// Sorted by encoded name, then by encoded value. False when it cannot be read, or holds a signature.
bool append_canonical_query(std::string& out, std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    if (parameters.size() == kMaxParameters) return false;
    std::string_view pair = take(query, '&');
    if (pair.empty()) continue;
    const auto name = base::percent_decode(take(pair, '='), false);
    const auto value = base::percent_decode(pair, false);
    if (!name || !value || starts_with_any_case(*name, kOwnPrefix)) return false;
    parameters.emplace_back(base::percent_encode(*name), base::percent_encode(*value));
  }
  std::ranges::sort(parameters);
  for (bool first = true; const auto& [name, value] : parameters) {
    if (!std::exchange(first, false)) out += '&';
    out.append(name).append("=").append(value);
  }
  return true;
}

bool is_signed(const SignatureHeader& header, std::string_view name) {
  return std::ranges::binary_search(header.header_names, name);
}

}  // namespace

bool carries_signature(const ports::HttpRequest& request) {
  for (const auto& [name, value] : request.headers)
    if (name == "authorization" && value.starts_with(kScheme)) return true;
  std::string_view query = request.query;
  while (!query.empty()) {
    std::string_view pair = take(query, '&');
    const auto name = base::percent_decode(take(pair, '='), false);
    if (name && starts_with_any_case(*name, kOwnPrefix)) return true;
  }
  return false;
}

Result<SignatureHeader> parse_signature_header(std::string_view value) {
  if (value.size() > kMaxSignatureHeaderBytes) return refuse("the Authorization header is too long");
  if (!value.starts_with(kAlgorithm) || !value.substr(kAlgorithm.size()).starts_with(' '))
    return refuse("only AWS4-HMAC-SHA256 is accepted");
  value.remove_prefix(kAlgorithm.size());
  SignatureHeader header;
  std::array<bool, 3> there{};
  while (!value.empty()) {
    std::string_view part = take(value, ',');
    part.remove_prefix(std::min(part.find_first_not_of(" \t"), part.size()));
    part = part.substr(0, part.find_last_not_of(" \t") + 1);
    const std::string_view name = take(part, '=');
    bool good = false;
    if (name == "Credential" && !std::exchange(there[0], true)) good = read_credential(part, header);
    if (name == "SignedHeaders" && !std::exchange(there[1], true)) good = read_header_names(part, header);
    if (name == "Signature" && !std::exchange(there[2], true)) {
      header.signature = part;
      good = is_digest(part);
    }
    if (!good) return refuse("malformed Authorization header");
  }
  if (there != std::array{true, true, true}) return refuse("malformed Authorization header");
  return header;
}

Result<std::string> canonical_request(const ports::HttpRequest& request, const SignatureHeader& header) {
  for (const std::string_view name : {std::string_view("host"), kDateHeader, kHashHeader})
    if (!is_signed(header, name)) return refuse("host, x-amz-date and x-amz-content-sha256 must be signed");
  for (const auto& [name, value] : request.headers)
    if (name.starts_with(kOwnPrefix) && !is_signed(header, name))
      return refuse("every x-amz- header must be signed");
  if (only_header(request, "x-amz-security-token")) return refuse("session tokens are not accepted");

  std::string text = request.method;
  text += '\n';
  append_canonical_path(text, request.path_as_sent());
  text += '\n';
  if (!append_canonical_query(text, request.query)) return refuse("the query cannot be signed like this");
  text += '\n';
  for (const std::string_view name : header.header_names) {
    const auto value = only_header(request, name);
    if (!value) return refuse("a signed header is not there exactly once");
    text.append(name).append(":");
    append_header_value(text, *value);
    text += '\n';
  }
  const std::string_view hash = *only_header(request, kHashHeader);
  if (!is_digest(hash)) return refuse("x-amz-content-sha256 must be the hash of the body");
  text.append("\n").append(header.signed_headers).append("\n").append(hash);
  return text;
}

std::string signature_of(const SignatureHeader& header, std::string_view amz_date,
                         std::string_view canonical_request, std::string_view secret) {
  std::string text(kAlgorithm);
  text.append("\n").append(amz_date).append("\n").append(header.scope).append("\n");
  text += base::hex_encode(base::sha256(canonical_request));
  std::string key = "AWS4" + std::string(secret);
  for (const std::string_view part : {header.date, header.region, header.service, kTerminator})
    key = base::hmac_sha256(key, part);
  return base::hex_encode(base::hmac_sha256(key, text));
}

Result<void> check_signature(const ports::HttpRequest& request, const SignatureHeader& header,
                             std::string_view secret, base::EpochMs now, const SigningRules& rules) {
  const auto canonical = canonical_request(request, header);
  if (!canonical) return std::unexpected(canonical.error());
  const std::string_view amz_date = *only_header(request, kDateHeader);
  const auto signed_at = parse_amz_date(amz_date);
  if (!signed_at || header.date != amz_date.substr(0, header.date.size()) || header.date.size() != 8)
    return refuse("x-amz-date is no date, or not that of the credential");
  if (header.service != rules.service) return refuse("the credential is for another service");
  const base::EpochMs tolerance = rules.tolerance.count();
  if (*signed_at < now - tolerance || *signed_at > now + tolerance)
    return refuse("signed too long ago, or for a later time");
  if (!base::equal_constant_time(signature_of(header, amz_date, *canonical, secret), header.signature))
    return refuse("the access key is unknown or the signature does not match");
  const std::string body_hash = base::hex_encode(base::sha256(request.body));
  if (!base::equal_constant_time(body_hash, *only_header(request, kHashHeader)))
    return refuse("the body is not the signed one");
  return {};
}

}  // namespace carillon::authorizer
