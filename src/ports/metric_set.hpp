#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/histogram.hpp"

namespace carillon::ports {

enum class MetricKind : std::uint8_t { counter, gauge, histogram };

/// What a histogram's whole numbers are.
enum class HistogramUnit : std::uint8_t {
  microseconds,  ///< exported as seconds
  one            ///< as they are: messages, bytes
};

using Labels = std::vector<std::pair<std::string, std::string>>;

struct MetricSample {
  Labels labels;
  double value = 0;           ///< of counters and gauges
  base::Histogram histogram;  ///< of histograms, since the start
};

struct MetricFamily {
  std::string help;
  MetricKind kind = MetricKind::counter;
  HistogramUnit unit = HistogramUnit::one;
  std::vector<MetricSample> samples;
};

/// All figures of the service at one moment, put together by its rooms. Names and labels are Prometheus' own:
/// `carillon_…`, base units, counters end in `_total`. Label values come from closed or configured sets,
/// never from a client: no id, no path, no address. docs/metrics.md lists them all. One thread.
class MetricSet {
 public:
  void counter(std::string_view name, std::string_view help, std::uint64_t value, Labels labels = {});
  /// A counter of time, which has fractions: `…_seconds_total`.
  void seconds_counter(std::string_view name, std::string_view help, double seconds, Labels labels = {});
  void gauge(std::string_view name, std::string_view help, double value, Labels labels = {});
  void histogram(std::string_view name, std::string_view help, HistogramUnit unit, base::Histogram values,
                 Labels labels = {});

  const std::map<std::string, MetricFamily, std::less<>>& families() const { return families_; }
  const MetricFamily* find(std::string_view name) const;

 private:
  MetricFamily& family(std::string_view name, std::string_view help, MetricKind kind);
  std::map<std::string, MetricFamily, std::less<>> families_;
};

/// How many log lines of one event_type were held back (base::LogSampler).
void collect_suppressed(MetricSet& into, std::string event_type, std::uint64_t suppressed);

/// A room that has figures.
class MetricSource {
 public:
  virtual ~MetricSource() = default;
  /// Adds its figures. Any thread, several at once; takes no lock of a hot path and waits for no loop: it
  /// answers while everything else hangs.
  virtual void collect(MetricSet& into) const = 0;
};

}  // namespace carillon::ports
