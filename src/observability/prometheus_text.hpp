#pragma once

#include <string>

#include "ports/metric_set.hpp"

namespace carillon::observability {

/// The figures in Prometheus' text format 0.0.4, families by name. A histogram's buckets end at powers of
/// two, where the counts are exact although its values are only kept in log-linear buckets:
/// - of microseconds, exported as seconds, at 2^6 to 2^26 µs: durations are kept in whole microseconds,
/// rounded
///   down, so those under 2^n are those up to 2^n − 1. (One of exactly 2^n µs counts in the next.)
/// - of whole numbers, at 2^n − 1 up to 4095: `le="63"` is what is at most 63.
/// Any thread; pure. Source: prometheus.io/docs/instrumenting/exposition_formats.
std::string prometheus_text(const ports::MetricSet& figures);

}  // namespace carillon::observability
