#include "publisher/broadcast.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"

namespace carillon::publisher {
namespace {

namespace errors = model::errors;
using model::Result;

constexpr std::size_t kMaxType = 128;
/// `type` of the frames that the server sends itself (docs/protocol.md, Frames you get).
constexpr std::array<std::string_view, 9> kOwnTypes{"connected",     "message",  "subscribed",
                                                    "unsubscribed",  "pong",     "tokenRefreshed",
                                                    "tokenExpiring", "presence", "reconnect"};
/// By these clients tell answers to their own frames.
constexpr std::array<std::string_view, 4> kAnswerMembers{"error", "statusCode", "requestId", "messageId"};

Result<void> check(const boost::json::object& body) {
  const auto invalid = [](std::string details) {
    return model::fail(errors::kInvalidParameter, std::move(details));
  };
  const boost::json::string* type = model::string_member(body, "type");
  if (!type || !base::valid_id(model::view(*type), kMaxType))
    return invalid("type must be 1 to 128 characters without control characters or commas, and not *");
  if (std::ranges::find(kOwnTypes, model::view(*type)) != kOwnTypes.end())
    return invalid("type must not be one that the server itself uses");
  if (!body.contains("data")) return invalid("data is required");
  if (body.contains("timestamp") && !model::string_member(body, "timestamp"))
    return invalid("timestamp must be a text");
  for (const std::string_view each : kAnswerMembers)
    if (body.contains(each))
      return invalid(std::string(each) + " must be absent: it would look like an answer");
  return {};
}

std::string_view trimmed(std::string_view json) {
  constexpr std::string_view kSpace = " \t\r\n";
  json.remove_prefix(std::min(json.find_first_not_of(kSpace), json.size()));
  return json.substr(0, json.find_last_not_of(kSpace) + 1);
}

}  // namespace

Result<ports::Publication> make_broadcast(const model::JsonDocument& document, std::string_view body,
                                          const Origin& origin, base::EpochMs now) {
  if (auto allowed = check(document.object()); !allowed) return std::unexpected(std::move(allowed.error()));
  ports::Publication out;
  out.broadcast = true;
  out.target = model::Target::all();
  out.event_type = std::string(model::view(*model::string_member(document.object(), "type")));
  out.payload = std::string(trimmed(body));
  if (!document.object().contains("timestamp")) {
    out.payload.pop_back();
    out.payload += ",\"timestamp\":\"";
    base::append_iso8601(out.payload, now);
    out.payload += "\"}";
  }
  out.identity = origin.identity;
  out.sender = origin.identity->user;
  out.deduplication_id = origin.idempotency_key;
  return out;
}

}  // namespace carillon::publisher
