#include "outbound/webhook_request.hpp"

#include <utility>

#include "outbound/standard_webhooks.hpp"

namespace carillon::outbound {
namespace {

constexpr std::size_t kMaxAnswerBytes = 65536;

}  // namespace

ports::OutboundRequest webhook_request(const WebhookReceiver& receiver, std::string_view id, std::string body,
                                       base::EpochMs now, std::chrono::milliseconds timeout) {
  ports::OutboundRequest request{.method = "POST",
                                 .url = receiver.url,
                                 .headers = webhook_headers(receiver.key, id, now, body),
                                 .body = std::move(body),
                                 .timeout = timeout,
                                 .max_response_bytes = kMaxAnswerBytes};
  request.headers.emplace_back("content-type", "application/json");
  return request;
}

std::optional<std::string> why_not_taken(const base::Result<ports::OutboundResponse>& answer) {
  if (!answer) return answer.error().details();
  if (answer->status >= 200 && answer->status <= 299) return std::nullopt;
  return "status " + std::to_string(answer->status);
}

}  // namespace carillon::outbound
