#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "model/errors.hpp"

namespace carillon::message_retrieval {

/// Both bounds inclusive, in whole milliseconds; an absent one bounds nothing. Bounds that lie within the
/// same millisecond can have none between them: then `from` is `to` + 1.
struct TimeRange {
  std::optional<base::EpochMs> from, to;
  bool operator==(const TimeRange&) const = default;
};

/// `fromTimestamp` and `toTimestamp` as RFC 3339 texts. A space where the offset begins counts as the `+`
/// that a query turned into it. Parts of a millisecond: `from` is rounded up and `to` down, as messages have
/// none. Pure. Errors: invalid_parameter; also when `from` is after `to`.
model::Result<TimeRange> parse_time_range(const std::optional<std::string>& from,
                                          const std::optional<std::string>& to);

}  // namespace carillon::message_retrieval
