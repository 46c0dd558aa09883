#include "outbound/standard_webhooks.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace carillon::outbound {
namespace {

constexpr std::string_view kPrefix = "whsec_";

/// Standard base64, with its padding or without it.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.find_first_of("-_") != std::string_view::npos) return std::nullopt;
  std::string url_safe(text);
  if (text.size() % 4 == 0) {
    for (int i = 0; i < 2 && url_safe.ends_with('='); ++i) url_safe.pop_back();
  }
  std::ranges::replace(url_safe, '+', '-');
  std::ranges::replace(url_safe, '/', '_');
  return base::base64url_decode(url_safe);
}

}  // namespace

std::optional<std::string> webhook_key(std::string_view secret) {
  std::optional<std::string> key(std::in_place, secret);
  if (secret.starts_with(kPrefix)) key = decode_base64(secret.substr(kPrefix.size()));
  if (!key || key->empty()) return std::nullopt;
  return key;
}

std::vector<std::pair<std::string, std::string>> webhook_headers(std::string_view key, std::string_view id,
                                                                 base::EpochMs now, std::string_view body) {
  const std::string timestamp = std::to_string(now / 1000);
  std::string signed_text;
  signed_text.reserve(id.size() + timestamp.size() + body.size() + 2);
  signed_text += id;
  signed_text += '.';
  signed_text += timestamp;
  signed_text += '.';
  signed_text += body;
  return {{"webhook-id", std::string(id)},
          {"webhook-timestamp", timestamp},
          {"webhook-signature", "v1," + base::base64_encode(base::hmac_sha256(key, signed_text))}};
}

}  // namespace carillon::outbound
