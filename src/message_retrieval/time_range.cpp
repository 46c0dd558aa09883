#include "message_retrieval/time_range.hpp"

#include <compare>

namespace carillon::message_retrieval {
namespace {

constexpr std::size_t kOffsetBytes = 6;     // +00:00
constexpr std::size_t kFractionAt = 19;     // behind 2026-01-01T00:00:00
constexpr std::size_t kFractionDigits = 9;  // as base::parse_iso8601 takes them

struct Instant {
  base::EpochMs ms = 0;
  int nanoseconds = 0;  ///< below the millisecond
  auto operator<=>(const Instant&) const = default;
};

/// What the fraction of a second says below the millisecond.
int nanoseconds_of(std::string_view text) {
  int value = 0;
  if (text.size() <= kFractionAt || text[kFractionAt] != '.') return value;
  text.remove_prefix(kFractionAt + 1);
  for (std::size_t i = 3; i < kFractionDigits; ++i) {
    const bool digit = i < text.size() && text[i] >= '0' && text[i] <= '9';
    if (!digit) text = text.substr(0, i);
    value = value * 10 + (digit ? text[i] - '0' : 0);
  }
  return value;
}

model::Result<std::optional<Instant>> instant_of(const char* name, const std::optional<std::string>& given) {
  if (!given) return std::nullopt;
  std::string text = *given;
  if (text.size() > kOffsetBytes && text[text.size() - kOffsetBytes] == ' ')
    text[text.size() - kOffsetBytes] = '+';
  const auto ms = base::parse_iso8601(text);
  if (!ms)
    return model::fail(model::errors::kInvalidParameter,
                       std::string(name) + " must be a time such as 2026-01-01T00:00:00.000Z");
  return Instant{*ms, nanoseconds_of(text)};
}

}  // namespace

model::Result<TimeRange> parse_time_range(const std::optional<std::string>& from,
                                          const std::optional<std::string>& to) {
  const auto first = instant_of("fromTimestamp", from);
  if (!first) return std::unexpected(first.error());
  const auto last = instant_of("toTimestamp", to);
  if (!last) return std::unexpected(last.error());
  if (*first && *last && **first > **last)
    return model::fail(model::errors::kInvalidParameter, "fromTimestamp must not be after toTimestamp");
  TimeRange range;
  if (*first) range.from = (*first)->ms + ((*first)->nanoseconds > 0 ? 1 : 0);
  if (*last) range.to = (*last)->ms;
  return range;
}

}  // namespace carillon::message_retrieval
