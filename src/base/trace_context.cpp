#include "base/trace_context.hpp"

#include <algorithm>
#include <span>

#include "base/ids.hpp"

namespace carillon::base {
namespace {

constexpr std::size_t kLength = 55;
constexpr std::string_view kDigits = "0123456789abcdef";

/// Lower-case hex digits only, as the recommendation demands.
bool read_hex(std::string_view text, std::uint8_t* out) {
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::size_t high = kDigits.find(text[i]);
    const std::size_t low = kDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    out[i / 2] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

bool all_zero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t each) { return each == 0; });
}

/// Random, and not all zeros, which would be invalid.
void fill(std::span<std::uint8_t> id) {
  do random_bytes(id.data(), id.size());
  while (all_zero(id));
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  if (text.size() < kLength || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  std::uint8_t version = 0;
  std::uint8_t flags = 0;
  TraceContext context;
  if (!read_hex(text.substr(0, 2), &version) || !read_hex(text.substr(3, 32), context.trace_id.data()) ||
      !read_hex(text.substr(36, 16), context.span_id.data()) || !read_hex(text.substr(53, 2), &flags))
    return std::nullopt;
  if (version == 0xff || (version == 0 && text.size() != kLength)) return std::nullopt;
  if (text.size() > kLength && text[kLength] != '-') return std::nullopt;
  if (all_zero(context.trace_id) || all_zero(context.span_id)) return std::nullopt;
  context.sampled = (flags & 1) != 0;
  return context;
}

std::string format_traceparent(const TraceContext& context) {
  return "00-" + trace_id_text(context) + "-" + hex_text(context.span_id.data(), context.span_id.size()) +
         (context.sampled ? "-01" : "-00");
}

TraceContext child_of(const TraceContext& parent) {
  TraceContext child = parent;
  fill(child.span_id);
  return child;
}

TraceContext new_trace(bool sampled) {
  TraceContext context;
  fill(context.trace_id);
  fill(context.span_id);
  context.sampled = sampled;
  return context;
}

std::string trace_id_text(const TraceContext& context) {
  return hex_text(context.trace_id.data(), context.trace_id.size());
}

std::string hex_text(const std::uint8_t* bytes, std::size_t size) {
  std::string text;
  text.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace carillon::base
