#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::base {

/// Wall clock, milliseconds since 1970 UTC. For what people read; never for timeouts.
using EpochMs = std::int64_t;

/// For timeouts, leases and retries; passed into whatever decides.
using Monotonic = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

EpochMs now_ms();
/// The same in nanoseconds, for spans.
std::int64_t now_ns();
inline Monotonic monotonic_now() {
  return std::chrono::steady_clock::now();
}

/// `2026-01-01T00:00:00.000Z`.
std::string iso8601(EpochMs time);
void append_iso8601(std::string& out, EpochMs time);

/// Accepts RFC 3339 with `Z` or an offset and up to nine decimals; nothing else.
std::optional<EpochMs> parse_iso8601(std::string_view text);

/// `"250ms"`, `"3s"`, `"5m"`, `"1h"`, `"30d"`: whole positive numbers; nothing else.
std::optional<milliseconds> parse_duration(std::string_view text);
std::string format_duration(milliseconds duration);

}  // namespace carillon::base
