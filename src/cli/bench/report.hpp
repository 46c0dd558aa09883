#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/bench/bench.hpp"
#include "cli/bench/histogram.hpp"

namespace carillon::cli::bench {

/// What one run measured; a warm-up is in the counts of mistakes but in nothing else.
struct Report {
  std::size_t connections = 0;
  std::size_t publishers = 0;
  std::size_t in_flight = 0;
  std::string failure;  ///< why the run ended early; empty: it did not

  double seconds = 0;  ///< first publish (connect) to last receipt, answer or upgrade
  std::uint64_t published = 0;
  std::uint64_t delivered = 0;
  Histogram latency;             ///< ns; publish to receipt, or publish to answer where nobody subscribes
  double messages_per_read = 0;  ///< as receivers found them: how far the server joins frames
  std::optional<double> server_cpu_seconds;
  double generator_cpu_seconds = 0;

  std::uint64_t refused = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t stray = 0;
  std::uint64_t disconnected = 0;

  /// Of an idle run.
  std::uint64_t closed_cleanly = 0;
  std::optional<std::int64_t> rss_delta_bytes;
  std::optional<std::int64_t> pss_delta_bytes;
  std::optional<std::int64_t> private_delta_bytes;

  /// Everything came exactly once, to whom it was for. Order is reported, not judged: standard messages have
  /// none.
  bool flawless() const {
    return failure.empty() && refused + unanswered + lost + duplicated + stray + disconnected == 0;
  }
};

std::string to_json(const Options& options, const Report& report);
std::string to_table(const Options& options, const Report& report);

/// A line on stderr that is written over, when stderr is a terminal; at most ten times a second.
class Progress {
 public:
  Progress();
  ~Progress();  ///< clears the line
  /// Now (CLOCK_MONOTONIC, ns) `done` of `all` are done.
  void show(const char* what, std::uint64_t done, std::uint64_t all, std::uint64_t now);

 private:
  bool terminal_;
  std::uint64_t last_ = 0;
};

}  // namespace carillon::cli::bench
