#include "message_retrieval/time_range.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

/// Any two texts, a line each, are a range or an error that says why; bounds written out again are the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  std::optional<std::string> from = text.substr(0, line), to;
  if (line != std::string::npos) to = text.substr(line + 1);
  const auto range = message_retrieval::parse_time_range(from, to);
  if (!range) {
    if (range.error().details().empty()) std::abort();
    return 0;
  }
  if (!range->from || range->to.has_value() != to.has_value()) std::abort();
  if (range->to && *range->from > *range->to + 1) std::abort();
  // iso8601() writes years from 0 to 9999, which an offset can leave by a day.
  constexpr base::EpochMs kFirst = -62'167'219'200'000, kLast = 253'402'300'799'999;
  if (*range->from < kFirst || *range->from > kLast) return 0;
  const auto again = message_retrieval::parse_time_range(base::iso8601(*range->from), std::nullopt);
  if (!again || again->from != range->from) std::abort();
  return 0;
}
