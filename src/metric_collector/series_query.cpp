#include "metric_collector/series_query.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "ports/series_table.hpp"

namespace carillon::metric_collector {
namespace {

using model::fail;
using model::Result;
using model::errors::kInvalidParameter;

constexpr base::EpochMs kDefaultRangeMs = 3'600'000;
constexpr base::EpochMs kLatestMs = 253'402'300'799'999;  // the last that RFC 3339 can say
constexpr std::chrono::seconds kLongestPeriod{std::chrono::days(30)};
constexpr std::size_t kOffsetBytes = 6;  // +00:00

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

Result<base::EpochMs> time_of(const ports::HttpRequest& request, const char* name, base::EpochMs absent) {
  auto text = request.query_value(name);
  if (!text) return absent;
  auto time = whole_number(*text);
  if (!time) {
    // A query turns the plus of an offset into a space.
    if (text->size() > kOffsetBytes && (*text)[text->size() - kOffsetBytes] == ' ')
      (*text)[text->size() - kOffsetBytes] = '+';
    time = base::parse_iso8601(*text);
  }
  if (!time || *time < 0 || *time > kLatestMs)
    return fail(kInvalidParameter, std::string(name) +
                                       " must be milliseconds since 1970 or a time such as "
                                       "2026-01-01T00:00:00.000Z");
  return *time;
}

Result<std::chrono::seconds> period_of(const ports::HttpRequest& request) {
  const auto text = request.query_value("period");
  if (!text) return std::chrono::seconds(60);
  std::optional<base::milliseconds> period;
  if (const auto seconds = whole_number(*text))
    period = std::chrono::seconds(std::min<std::int64_t>(*seconds, kLongestPeriod.count() + 1));
  else
    period = base::parse_duration(*text);
  const auto slot = ports::length_of(ports::Resolution::ten_seconds);
  if (!period || *period <= period->zero() || *period > kLongestPeriod || *period % slot != slot.zero())
    return fail(kInvalidParameter,
                "period must be seconds or a duration, a multiple of 10 s up to 30 days, such as 60 or 5m");
  return std::chrono::duration_cast<std::chrono::seconds>(*period);
}

}  // namespace

Result<SeriesQuery> parse_series_query(const ports::HttpRequest& request, base::EpochMs now) {
  SeriesQuery query;
  const auto name = request.query_value("metric");
  if (name) query.metric = find_metric(*name);
  if (!query.metric)
    return fail(kInvalidParameter, "metric must be one of those that GET /dashboard/metrics lists");
  const auto to = time_of(request, "to", now);
  if (!to) return std::unexpected(to.error());
  const auto from = time_of(request, "from", std::max<base::EpochMs>(*to - kDefaultRangeMs, 0));
  if (!from) return std::unexpected(from.error());
  if (*from > *to) return fail(kInvalidParameter, "from must not be after to");
  const auto period = period_of(request);
  if (!period) return std::unexpected(period.error());
  if ((*to - *from) / base::milliseconds(*period).count() > SeriesQuery::kMostPoints)
    return fail(kInvalidParameter, "period is too short: from and to are more than " +
                                       std::to_string(SeriesQuery::kMostPoints) + " periods apart");
  query.from = *from - *from % base::milliseconds(*period).count();
  query.to = *to;
  query.period = *period;
  return query;
}

}  // namespace carillon::metric_collector
