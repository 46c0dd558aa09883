#include "observability/prometheus_text.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace carillon::observability {
namespace {

using ports::HistogramUnit;
using ports::MetricKind;
using Exported = prometheus::ClientMetric::Histogram;

constexpr int kFirstMicroseconds = 6;
constexpr int kLastMicroseconds = 26;
constexpr int kLastOne = 12;
constexpr double kMicrosecondsPerSecond = 1e6;

Exported exported(const base::Histogram& values, HistogramUnit unit) {
  const bool seconds = unit == HistogramUnit::microseconds;
  const int first = seconds ? kFirstMicroseconds : 1;
  const int last = seconds ? kLastMicroseconds : kLastOne;
  Exported out;
  out.sample_count = values.count();
  out.sample_sum = static_cast<double>(values.sum()) / (seconds ? kMicrosecondsPerSecond : 1);
  out.bucket.reserve(static_cast<std::size_t>(last - first) + 1);
  for (int power = first; power <= last; ++power) {
    const std::uint64_t end = std::uint64_t{1} << power;
    const double bound =
        seconds ? static_cast<double>(end) / kMicrosecondsPerSecond : static_cast<double>(end - 1);
    out.bucket.push_back({values.at_most(end - 1), bound});
  }
  return out;
}

prometheus::ClientMetric exported(const ports::MetricSample& sample, const ports::MetricFamily& family) {
  prometheus::ClientMetric out;
  out.label.reserve(sample.labels.size());
  for (const auto& [name, value] : sample.labels) out.label.push_back({name, value});
  switch (family.kind) {
    case MetricKind::counter:
      out.counter.value = sample.value;
      break;
    case MetricKind::gauge:
      out.gauge.value = sample.value;
      break;
    case MetricKind::histogram:
      out.histogram = exported(sample.histogram, family.unit);
      break;
  }
  return out;
}

prometheus::MetricType exported(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter:
      return prometheus::MetricType::Counter;
    case MetricKind::gauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::histogram:
      break;
  }
  return prometheus::MetricType::Histogram;
}

}  // namespace

std::string prometheus_text(const ports::MetricSet& figures) {
  std::vector<prometheus::MetricFamily> families;
  families.reserve(figures.families().size());
  for (const auto& [name, family] : figures.families()) {
    prometheus::MetricFamily& out = families.emplace_back();
    out.name = name;
    out.help = family.help;
    out.type = exported(family.kind);
    out.metric.reserve(family.samples.size());
    for (const ports::MetricSample& sample : family.samples) out.metric.push_back(exported(sample, family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace carillon::observability
