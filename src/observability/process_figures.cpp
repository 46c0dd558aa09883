#include "observability/process_figures.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string_view>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.hpp"

namespace carillon::observability {
namespace {

constexpr std::size_t kMaxStat = 4096;

/// The numbers of /proc/self/stat that are wanted, by their place in proc(5) after the program's name.
enum StatField : std::size_t {
  kUserTicks = 11,
  kSystemTicks = 12,
  kThreads = 17,
  kStartTicks = 19,
  kBytes,
  kPages
};
using StatFields = std::array<std::uint64_t, kPages + 1>;

std::string read_start(const std::filesystem::path& path) {
  std::string text(kMaxStat, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

/// The name is in parentheses and may hold any character, so it ends at the last one.
std::optional<StatFields> parse_stat(std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 1);
  StatFields fields{};
  for (std::uint64_t& field : fields) {
    const std::size_t start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return std::nullopt;
    text.remove_prefix(start);
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    std::from_chars(word.data(), word.data() + word.size(),
                    field);  // the state is a letter, some are negative: 0
    text.remove_prefix(word.size());
  }
  return fields;
}

double read_boot_time(const std::filesystem::path& path) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

/// Linux gives the number as the directory's size since 6.2; before, its entries must be counted.
std::optional<double> open_descriptors(const std::filesystem::path& directory) {
  struct stat status{};
  if (stat(directory.c_str(), &status) != 0) return std::nullopt;
  if (status.st_size > 0) return static_cast<double>(status.st_size);
  std::error_code error;
  double entries = 0;
  for (std::filesystem::directory_iterator each(directory, error), end; !error && each != end;
       each.increment(error))
    ++entries;
  return error ? std::nullopt : std::optional(entries);
}

}  // namespace

ProcessFigures::ProcessFigures(std::string version, std::filesystem::path proc)
    : version_(std::move(version)), self_(proc / "self"), booted_at_(read_boot_time(proc / "stat")) {}

void ProcessFigures::collect(ports::MetricSet& into) const {
  collect_stat(into);
  collect_descriptors(into);
  into.gauge("carillon_build_info", "The version that runs; always 1", 1, {{"version", version_}});
  into.counter("carillon_log_lines_dropped_total", "Log lines lost because stderr took them too slowly",
               base::log::dropped_lines());
}

void ProcessFigures::collect_stat(ports::MetricSet& into) const {
  const auto stat = parse_stat(read_start(self_ / "stat"));
  if (!stat) return;
  const auto seconds = [](std::uint64_t ticks) {
    return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  };
  into.seconds_counter("process_cpu_seconds_total", "Processor time used, by user and system",
                       seconds((*stat)[kUserTicks] + (*stat)[kSystemTicks]));
  into.gauge("process_threads", "Threads of the process", static_cast<double>((*stat)[kThreads]));
  into.gauge("process_virtual_memory_bytes", "Address space of the process",
             static_cast<double>((*stat)[kBytes]));
  into.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM",
             static_cast<double>((*stat)[kPages]) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  if (booted_at_ > 0)
    into.gauge("process_start_time_seconds", "When the process started, in seconds since 1970",
               booted_at_ + seconds((*stat)[kStartTicks]));
}

void ProcessFigures::collect_descriptors(ports::MetricSet& into) const {
  if (const auto open = open_descriptors(self_ / "fd"))
    into.gauge("process_open_fds", "Open file descriptors", *open);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    into.gauge("process_max_fds", "Most file descriptors that the process may open",
               static_cast<double>(limit.rlim_cur));
}

}  // namespace carillon::observability
