#pragma once

#include <cstdint>

/// Close codes: RFC 6455 §7.4.1, and those of CONTRACT §5.
namespace carillon::gateway::close_code {

inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kUnsupportedData = 1003;
inline constexpr std::uint16_t kNoStatus = 1005;  ///< never sent: a close frame without a code
inline constexpr std::uint16_t kAbnormal = 1006;  ///< never sent: the socket ended without a close frame
inline constexpr std::uint16_t kInvalidPayload = 1007;
inline constexpr std::uint16_t kMessageTooBig = 1009;
inline constexpr std::uint16_t kInternalError = 1011;
inline constexpr std::uint16_t kTryAgainLater = 1013;
inline constexpr std::uint16_t kTokenExpired = 4401;
inline constexpr std::uint16_t kHeartbeatTimeout = 4408;

/// Whether a peer may put `code` into a close frame.
constexpr bool sendable(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace carillon::gateway::close_code
