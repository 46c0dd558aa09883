#include "outbound/standard_webhooks.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>

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

std::string signature_of(std::string_view key, std::string_view id, std::string_view timestamp,
                         std::string_view body) {
  std::string signed_text;
  signed_text.reserve(id.size() + timestamp.size() + body.size() + 2);
  signed_text += id;
  signed_text += '.';
  signed_text += timestamp;
  signed_text += '.';
  signed_text += body;
  return "v1," + base::base64_encode(base::hmac_sha256(key, signed_text));
}

/// Digits only: with a sign or spaces, one signature could be read as that of another text.
std::optional<std::int64_t> seconds_of(std::string_view timestamp) {
  constexpr std::size_t kMaxDigits = 12;
  if (timestamp.empty() || timestamp.size() > kMaxDigits) return std::nullopt;
  if (timestamp.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::int64_t seconds = 0;
  std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), seconds);
  return seconds;
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
  return {{"webhook-id", std::string(id)},
          {"webhook-timestamp", timestamp},
          {"webhook-signature", signature_of(key, id, timestamp, body)}};
}

bool verify_webhook(std::string_view key, const WebhookProof& proof, base::EpochMs now,
                    std::string_view body) {
  if (key.empty() || proof.id.empty() || proof.id.size() > kMaxWebhookIdBytes || proof.id.contains('.'))
    return false;
  const auto seconds = seconds_of(proof.timestamp);
  if (!seconds || std::abs(now / 1000 - *seconds) > std::chrono::seconds(kWebhookTolerance).count())
    return false;
  const std::string wanted = signature_of(key, proof.id, proof.timestamp, body);
  bool good = false;
  for (std::string_view rest = proof.signature; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    good |= base::equal_constant_time(rest.substr(0, end), wanted);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return good;
}

}  // namespace carillon::outbound
