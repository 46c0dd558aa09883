#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace carillon::cli::bench {

/// What /proc says of some processes, summed.
struct ProcessMemory {
  std::uint64_t rss_bytes = 0;
  std::uint64_t pss_bytes = 0;
  std::uint64_t private_bytes = 0;  ///< clean and dirty
};

/// User and system time of all their threads, ended ones too, in seconds; the kernel rounds to 10 ms.
/// Nothing when a process is gone or there is none.
std::optional<double> cpu_seconds(std::span<const int> pids);
std::optional<ProcessMemory> memory(std::span<const int> pids);

/// This process's own.
double own_cpu_seconds();

/// For tests: the CPU ticks in the text of /proc/<pid>/stat, and the named line of smaps_rollup in bytes.
std::optional<std::uint64_t> parse_stat_ticks(std::string_view stat);
std::optional<std::uint64_t> parse_smaps_bytes(std::string_view smaps, std::string_view name);

}  // namespace carillon::cli::bench
