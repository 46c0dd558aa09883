#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "ports/http_client.hpp"

/// A webhook's attempt: its request, and what its answer means. Pure; any thread.
namespace carillon::outbound {

/// Whom webhooks go to.
struct WebhookReceiver {
  std::string url;
  std::string key;  ///< webhook_key() of the configured secret
};

/// A POST of `body`, which is JSON, signed per Standard Webhooks (webhook_headers()). Of the answer at most
/// 64 KiB are read.
ports::OutboundRequest webhook_request(const WebhookReceiver& receiver, std::string_view id, std::string body,
                                       base::EpochMs now, std::chrono::milliseconds timeout);

/// Nothing when the receiver took it, that is answered 2xx; else why not, for people.
std::optional<std::string> why_not_taken(const base::Result<ports::OutboundResponse>& answer);

}  // namespace carillon::outbound
