#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace carillon::metric_collector {

/// What a metric's values are, and in what `/dashboard/series` gives them.
enum class MetricUnit : std::uint8_t { milliseconds, seconds, bytes, count };
std::string_view name(MetricUnit unit);  ///< `ms`, `s`, `bytes`, `count`

/// How a series comes about.
enum class SeriesKind : std::uint8_t {
  latency,  ///< a distribution of measured values; no value, no point
  events,   ///< each event is a sample of 1: count = sum = how many; a point of 0 when there was none
  level     ///< a level, looked at once a second
};

/// A metric that has a series, an alarm may watch and the dashboard shows.
struct Metric {
  std::string_view name;  ///< the seeds' own, CamelCase
  SeriesKind kind;
  MetricUnit unit;
  std::string_view family;  ///< of the MetricSet; samples of one family are added up
  std::string_view label;   ///< when not empty: only samples with this label …
  std::string_view value;   ///< … whose value begins with this
  std::string_view description;
};

/// The closed list, in the order of docs/metrics.md.
std::span<const Metric> catalogue();
const Metric* find_metric(std::string_view name);

}  // namespace carillon::metric_collector
