#include "message_retrieval/page_token.hpp"

#include "base/bytes.hpp"

namespace carillon::message_retrieval {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kSealBytes = 16;
constexpr std::size_t kBodyBytes = 1 + 8;
constexpr std::size_t kTokenBytes = kBodyBytes + kSealBytes;
constexpr std::size_t kTokenCharacters = (kTokenBytes * 4 + 2) / 3;
/// Tells this use of the secret from any other.
constexpr std::string_view kDomain = "carillon history page token";

void append_text(std::string& out, std::string_view text) {
  base::append_big_endian(out, text.size());
  out += text;
}

void append_bound(std::string& out, const std::optional<base::EpochMs>& bound) {
  out += bound ? '\1' : '\0';
  base::append_big_endian(out, static_cast<std::uint64_t>(bound.value_or(0)));
}

/// Every field has a length of its own or a fixed one, so that no two scopes have the same bytes.
std::string seal_of(std::string_view secret, const PageScope& scope, std::string_view body) {
  std::string bytes;
  append_text(bytes, kDomain);
  append_text(bytes, body);
  append_text(bytes, scope.user.str());
  bytes += static_cast<char>(scope.target.target_class);
  append_text(bytes, scope.target.id);
  bytes += scope.oldest_first ? '\1' : '\0';
  append_bound(bytes, scope.range.from);
  append_bound(bytes, scope.range.to);
  return base::hmac_sha256(secret, bytes).substr(0, kSealBytes);
}

}  // namespace

std::string seal_page_token(std::string_view secret, const PageScope& scope, model::Position position) {
  std::string token(1, kVersion);
  base::append_big_endian(token, position);
  token += seal_of(secret, scope, token);
  return base::base64url_encode(token);
}

model::Result<model::Position> open_page_token(std::string_view secret, const PageScope& scope,
                                               std::string_view token) {
  const auto refuse = [] {
    return model::fail(model::errors::kInvalidParameter,
                       "startKey is not one that this service gave for this query");
  };
  if (token.size() != kTokenCharacters) return refuse();
  const auto bytes = base::base64url_decode(token);
  if (!bytes || bytes->size() != kTokenBytes || bytes->front() != kVersion) return refuse();
  const std::string_view body = std::string_view(*bytes).substr(0, kBodyBytes);
  if (!base::equal_constant_time(seal_of(secret, scope, body), std::string_view(*bytes).substr(kBodyBytes)))
    return refuse();
  return base::read_big_endian(body.data() + 1);
}

}  // namespace carillon::message_retrieval
