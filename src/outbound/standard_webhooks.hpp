#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace carillon::outbound {

/// The key that a configured webhook secret stands for: the decoded bytes of `whsec_<base64>`, the bytes of
/// anything else. Nothing for an empty secret and for a `whsec_` one that is not base64: check at start.
/// Source: Standard Webhooks specification, "Signature scheme"; CONTRACT §14.
std::optional<std::string> webhook_key(std::string_view secret);

/// `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature: v1,<base64 HMAC-SHA256 of
/// "id.timestamp.body">`. `id` stays the same over all attempts of one message and holds no full stop;
/// `now` is the attempt's time. Pure.
std::vector<std::pair<std::string, std::string>> webhook_headers(std::string_view key, std::string_view id,
                                                                 base::EpochMs now, std::string_view body);

/// How far a signed webhook's timestamp may be from the receiver's clock.
inline constexpr std::chrono::minutes kWebhookTolerance{5};
inline constexpr std::size_t kMaxWebhookIdBytes = 256;

/// The three headers of a webhook that came in, as they came.
struct WebhookProof {
  std::string_view id, timestamp, signature;
};

/// Whether `body` came from who has the key, within kWebhookTolerance of `now`. `signature` may hold several,
/// between spaces, as while a key is changed: one that verifies is enough. Compared in constant time. The
/// receiver still has to remember ids, as a replay verifies too. Pure.
bool verify_webhook(std::string_view key, const WebhookProof& proof, base::EpochMs now,
                    std::string_view body);

}  // namespace carillon::outbound
