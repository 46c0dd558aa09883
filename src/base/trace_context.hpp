#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::base {

/// Where in which trace something happens (W3C Trace Context, level 1). A plain value.
struct TraceContext {
  using TraceId = std::array<std::uint8_t, 16>;
  using SpanId = std::array<std::uint8_t, 8>;

  TraceId trace_id{};
  SpanId span_id{};
  bool sampled = false;  ///< whether its spans are to be exported
  /// Sampled, but ours are not exported, as more came in than are. Known in this process only: neither sent
  /// nor stored.
  bool unrecorded = false;

  /// Whether spans of this process in it are exported.
  bool recorded() const { return sampled && !unrecorded; }

  bool operator==(const TraceContext&) const = default;
};

/// `traceparent` as the recommendation writes it; of later versions the part that is known. Nothing when it
/// is not one, which then counts as absent.
std::optional<TraceContext> parse_traceparent(std::string_view text);
/// `00-<trace id>-<span id>-<01 or 00>`.
std::string format_traceparent(const TraceContext& context);

/// The next span of the same trace: another span id. Any thread.
TraceContext child_of(const TraceContext& parent);
/// A trace of its own.
TraceContext new_trace(bool sampled);

std::string trace_id_text(const TraceContext& context);  ///< 32 digits, lower case
std::string hex_text(const std::uint8_t* bytes, std::size_t size);

}  // namespace carillon::base
