#include "message_retrieval/sequence_list.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace carillon::message_retrieval {
namespace {

using ports::NumberRange;

std::optional<model::SequenceNumber> number_of(std::string_view text) {
  model::SequenceNumber number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (number < 1 || number > model::kMaxSequenceNumber) return std::nullopt;
  return number;
}

std::optional<NumberRange> range_of(std::string_view part) {
  const std::size_t dash = part.find('-');
  const auto first = number_of(part.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number_of(part.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return NumberRange{*first, *last};
}

/// `ranges` ascending by their first number; those that overlap or touch become one.
std::vector<NumberRange> merged(const std::vector<NumberRange>& ranges) {
  std::vector<NumberRange> result;
  for (const NumberRange& each : ranges) {
    if (result.empty() || each.first > result.back().last + 1)
      result.push_back(each);
    else
      result.back().last = std::max(result.back().last, each.last);
  }
  return result;
}

}  // namespace

model::Result<std::vector<NumberRange>> parse_sequence_list(std::string_view text) {
  const auto refuse = [](const char* details) {
    return model::fail(model::errors::kInvalidParameter, details);
  };
  if (text.size() > kMaxSequenceListBytes) return refuse("sequences is too long");
  std::vector<NumberRange> ranges;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const auto range = range_of(text.substr(at, end - at));
    if (!range) return refuse("sequences must be numbers and ranges from 1 to 2^53-1, such as 3,5-9");
    ranges.push_back(*range);
    at = end + 1;
  }
  std::ranges::sort(ranges, {}, &NumberRange::first);
  ranges = merged(ranges);
  std::size_t left = kMaxSequenceNumbers;
  for (const NumberRange& each : ranges) {
    if (each.last - each.first >= left) return refuse("sequences may name at most 1000 numbers");
    left -= each.last - each.first + 1;
  }
  return ranges;
}

}  // namespace carillon::message_retrieval
