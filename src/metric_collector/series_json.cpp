#include "metric_collector/series_json.hpp"

#include <algorithm>
#include <cmath>

#include "base/bytes.hpp"

namespace carillon::metric_collector {
namespace {

constexpr double kMostThousandths = 9e15;

/// `value` thousandths, without zeros at the end.
std::string thousandths(std::uint64_t value) {
  std::string text = std::to_string(value / 1000);
  std::string fraction = std::to_string(1000 + value % 1000);
  fraction[0] = '.';
  while (fraction.back() == '0') fraction.pop_back();
  return fraction == "." ? text : text + fraction;
}

std::uint64_t rounded(double value) {
  return static_cast<std::uint64_t>(std::llround(std::clamp(value, 0.0, kMostThousandths)));
}

std::string_view kind_name(SeriesKind kind) {
  switch (kind) {
    case SeriesKind::latency:
      return "latency";
    case SeriesKind::events:
      return "events";
    case SeriesKind::level:
      break;
  }
  return "level";
}

void append_text(std::string& out, std::string_view name, std::string_view text) {
  out += out.back() == '{' ? "\"" : ",\"";
  out += name;
  out += "\":";
  base::append_json_string(out, text);
}

}  // namespace

void append_point_json(std::string& out, const Metric& metric, const SeriesPoint& point) {
  const bool micros = metric.unit == MetricUnit::milliseconds;
  const base::Histogram& values = point.values;
  const auto number = [&](const char* name, const std::string& text) {
    out += name;
    out += text;
  };
  const auto whole = [&](const char* name, std::uint64_t value) {
    number(name, micros ? thousandths(value) : std::to_string(value));
  };
  out += "{\"timestamp\":\"";
  base::append_iso8601(out, point.start);
  number("\",\"count\":", std::to_string(values.count()));
  whole(",\"sum\":", values.sum());
  whole(",\"min\":", values.min());
  whole(",\"max\":", values.max());
  number(",\"avg\":", thousandths(rounded(micros ? values.average() : values.average() * 1000)));
  whole(",\"p50\":", rounded(values.quantile(0.50)));
  whole(",\"p90\":", rounded(values.quantile(0.90)));
  whole(",\"p95\":", rounded(values.quantile(0.95)));
  whole(",\"p99\":", rounded(values.quantile(0.99)));
  out += '}';
}

std::string catalogue_json() {
  std::string out = "{\"metrics\":[";
  for (const Metric& each : catalogue()) {
    out += out.back() == '[' ? "{" : ",{";
    append_text(out, "name", each.name);
    append_text(out, "unit", name(each.unit));
    append_text(out, "kind", kind_name(each.kind));
    append_text(out, "description", each.description);
    out += '}';
  }
  return out + "]}";
}

}  // namespace carillon::metric_collector
