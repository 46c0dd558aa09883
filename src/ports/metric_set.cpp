#include "ports/metric_set.hpp"

namespace carillon::ports {

MetricFamily& MetricSet::family(std::string_view name, std::string_view help, MetricKind kind) {
  auto found = families_.find(name);
  if (found == families_.end()) {
    found = families_.emplace(std::string(name), MetricFamily{}).first;
    found->second.help = help;
    found->second.kind = kind;
  }
  return found->second;
}

void MetricSet::counter(std::string_view name, std::string_view help, std::uint64_t value, Labels labels) {
  family(name, help, MetricKind::counter)
      .samples.push_back({std::move(labels), static_cast<double>(value), {}});
}

void MetricSet::seconds_counter(std::string_view name, std::string_view help, double seconds, Labels labels) {
  family(name, help, MetricKind::counter).samples.push_back({std::move(labels), seconds, {}});
}

void MetricSet::gauge(std::string_view name, std::string_view help, double value, Labels labels) {
  family(name, help, MetricKind::gauge).samples.push_back({std::move(labels), value, {}});
}

void MetricSet::histogram(std::string_view name, std::string_view help, HistogramUnit unit,
                          base::Histogram values, Labels labels) {
  MetricFamily& into = family(name, help, MetricKind::histogram);
  into.unit = unit;
  into.samples.push_back({std::move(labels), 0, std::move(values)});
}

const MetricFamily* MetricSet::find(std::string_view name) const {
  const auto found = families_.find(name);
  return found == families_.end() ? nullptr : &found->second;
}

void collect_suppressed(MetricSet& into, std::string event_type, std::uint64_t suppressed) {
  into.counter("carillon_log_lines_suppressed_total",
               "Log lines that were held back, as there were too many of their kind in a second.", suppressed,
               {{"event_type", std::move(event_type)}});
}

}  // namespace carillon::ports
