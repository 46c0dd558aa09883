#pragma once

#include "base/result.hpp"

/// The catalogue: every refusal a client can get, with the exact text of CONTRACT §3–§12.
namespace carillon::model::errors {

using base::ErrorEntry;

inline constexpr ErrorEntry kInvalidJson{"invalid_json", 400, 0, false, "Invalid JSON in message body"};
inline constexpr ErrorEntry kMissingParameters{
    "missing_parameters", 400, 0, false,
    "Missing required parameters: targetChannel and payload are required"};
inline constexpr ErrorEntry kInvalidMessageType{"invalid_message_type", 400, 0, false,
                                                "Invalid messageType. Must be \"fifo\" or \"standard\""};
inline constexpr ErrorEntry kInvalidTargetClass{
    "invalid_target_class", 400, 0, false,
    "Invalid targetClass. Must be one of: user, org, hub, project, chat, all"};
inline constexpr ErrorEntry kMissingTarget{
    "missing_target", 400, 0, false,
    "Missing required parameters: payload needs chatId or targetClass and targetId"};
inline constexpr ErrorEntry kMissingContent{
    "missing_content", 400, 0, false,
    "Missing required parameters: payload.eventType and payload.content are required"};
inline constexpr ErrorEntry kUnknownChannel{"unknown_channel", 400, 0, false, "Unknown targetChannel"};
/// A field is there but cannot be what it is; `details` names it and says what is allowed.
inline constexpr ErrorEntry kInvalidParameter{"invalid_parameter", 400, 0, false, "Invalid parameter"};
inline constexpr ErrorEntry kBadRequest{"bad_request", 400, 0, false, "Bad request"};

inline constexpr ErrorEntry kUnauthorized{"unauthorized", 401, 4401, false, "Unauthorized"};
/// Of a request that is signed with an access key.
inline constexpr ErrorEntry kBadSignature{"bad_signature", 401, 0, false, "Unauthorized"};
inline constexpr ErrorEntry kNoUserId{"no_user_id", 401, 4401, false, "Unauthorized - No user ID in context"};

inline constexpr ErrorEntry kForbidden{"forbidden", 403, 0, false, "Forbidden"};
inline constexpr ErrorEntry kUserIdMismatch{"user_id_mismatch", 403, 0, false,
                                            "Forbidden - userId does not match token"};
inline constexpr ErrorEntry kNoChatAccess{"no_chat_access", 403, 0, false, "Forbidden - No chat access"};
inline constexpr ErrorEntry kNoUserAccess{"no_user_access", 403, 0, false, "Forbidden - No access to user"};
inline constexpr ErrorEntry kNoOrgAccess{"no_org_access", 403, 0, false, "Forbidden - No access to org"};
inline constexpr ErrorEntry kNoHubAccess{"no_hub_access", 403, 0, false, "Forbidden - No access to hub"};
inline constexpr ErrorEntry kNoProjectAccess{"no_project_access", 403, 0, false,
                                             "Forbidden - No access to project"};
inline constexpr ErrorEntry kNoAllAccess{"no_all_access", 403, 0, false, "Forbidden - No access to all"};
inline constexpr ErrorEntry kChannelClosed{"channel_closed", 403, 0, false,
                                           "Forbidden - Channel is for backends only"};
inline constexpr ErrorEntry kOriginRefused{"origin_refused", 403, 0, false, "Forbidden - Origin not allowed"};
inline constexpr ErrorEntry kConnectionRejected{"connection_rejected", 403, 0, false,
                                                "Forbidden - Connection rejected"};
inline constexpr ErrorEntry kHostRefused{"host_refused", 403, 0, false, "Forbidden - Host not allowed"};

inline constexpr ErrorEntry kNotFound{"not_found", 404, 0, false, "Not found"};
inline constexpr ErrorEntry kMethodNotAllowed{"method_not_allowed", 405, 0, false, "Method not allowed"};
inline constexpr ErrorEntry kRequestTimeout{"request_timeout", 408, 0, true, "Request timeout"};
inline constexpr ErrorEntry kConflict{"conflict", 409, 0, false, "Conflict"};
inline constexpr ErrorEntry kGone{"gone", 410, 0, false, "Gone"};
inline constexpr ErrorEntry kMessageTooLarge{"message_too_large", 413, 1009, false, "Message too large"};
inline constexpr ErrorEntry kUriTooLong{"uri_too_long", 414, 0, false, "URI too long"};
inline constexpr ErrorEntry kExpectationFailed{"expectation_failed", 417, 0, false, "Expectation failed"};
inline constexpr ErrorEntry kUpgradeRequired{"upgrade_required", 426, 0, false, "Upgrade required"};
inline constexpr ErrorEntry kTooManyRequests{"too_many_requests", 429, 0, true, "Too many requests"};
inline constexpr ErrorEntry kTooManyConnections{"too_many_connections", 429, 0, true, "Too many connections"};
inline constexpr ErrorEntry kHeadersTooLarge{"headers_too_large", 431, 0, false,
                                             "Request header fields too large"};

inline constexpr ErrorEntry kSendFailed{"send_failed", 500, 0, true, "Failed to send message via WebSocket"};
inline constexpr ErrorEntry kPublishFailed{"publish_failed", 500, 0, true, "Failed to publish message"};
inline constexpr ErrorEntry kInternal{"internal", 500, 1011, true, "Internal error"};
inline constexpr ErrorEntry kNotImplemented{"not_implemented", 501, 0, false, "Not implemented"};
inline constexpr ErrorEntry kVersionNotSupported{"version_not_supported", 505, 0, false,
                                                 "HTTP version not supported"};
inline constexpr ErrorEntry kOverloaded{"overloaded", 503, 0, true, "Service overloaded"};
inline constexpr ErrorEntry kDraining{"draining", 503, 1001, true, "Service draining"};
inline constexpr ErrorEntry kUnavailable{"unavailable", 503, 0, true, "Service unavailable"};

}  // namespace carillon::model::errors

namespace carillon::model {

using base::Error;
using base::fail;
using base::Result;

/// `{"error":"…","details":"…",…members}`: the body of every refusal over HTTP.
std::string error_body(const Error& error);

/// `{"error":"…","statusCode":N,"requestId":"…",…}`: the same as a WebSocket frame. `request_id_json` is the
/// client's requestId as JSON text, or empty.
std::string error_frame(const Error& error, std::string_view request_id_json);

/// An error whose answer says when to come back: `retryAfterMs`, and `Retry-After` over HTTP.
Error retry_later(const base::ErrorEntry& entry, std::int64_t retry_after_ms, std::string details = {});

}  // namespace carillon::model
