#pragma once

#include <filesystem>
#include <string>

#include "ports/metric_set.hpp"

namespace carillon::observability {

/// What the operating system knows of this process (`process_…`, as Prometheus' client libraries call it),
/// which version it is, and what the log dropped. Reads a few files of /proc each time; a figure that cannot
/// be read is left out. Any thread. Source: proc(5).
class ProcessFigures final : public ports::MetricSource {
 public:
  /// `proc` is where the files are, for tests.
  explicit ProcessFigures(std::string version, std::filesystem::path proc = "/proc");

  void collect(ports::MetricSet& into) const override;

 private:
  void collect_stat(ports::MetricSet& into) const;
  void collect_descriptors(ports::MetricSet& into) const;

  std::string version_;
  std::filesystem::path self_;
  double booted_at_ = 0;  ///< seconds since 1970; 0: unknown
};

}  // namespace carillon::observability
