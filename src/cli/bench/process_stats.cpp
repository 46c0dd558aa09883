#include "cli/bench/process_stats.hpp"

#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace carillon::cli::bench {
namespace {

std::string read_proc(int pid, const char* name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::uint64_t> parse_stat_ticks(std::string_view stat) {
  // The program's name, in parentheses, may itself hold spaces and parentheses; utime and stime are the
  // twelfth and thirteenth field after it (proc(5)).
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  std::uint64_t ticks = 0;
  for (int field = 1; field <= 13; ++field) {
    const auto space = stat.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(space + 1);
    if (field < 12) continue;
    const auto value = to_number(stat);
    if (!value) return std::nullopt;
    ticks += *value;
  }
  return ticks;
}

std::optional<std::uint64_t> parse_smaps_bytes(std::string_view smaps, std::string_view name) {
  for (auto at = smaps.find(name); at != std::string_view::npos; at = smaps.find(name, at + 1)) {
    const bool line_begins = at == 0 || smaps[at - 1] == '\n';
    auto rest = smaps.substr(at + name.size());
    if (!line_begins || !rest.starts_with(':')) continue;
    rest.remove_prefix(1);
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    const auto kibibytes = to_number(rest);
    if (!kibibytes) return std::nullopt;
    return *kibibytes * 1024;
  }
  return std::nullopt;
}

std::optional<double> cpu_seconds(std::span<const int> pids) {
  if (pids.empty()) return std::nullopt;
  std::uint64_t ticks = 0;
  for (const int pid : pids) {
    const auto own = parse_stat_ticks(read_proc(pid, "stat"));
    if (!own) return std::nullopt;
    ticks += *own;
  }
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::optional<ProcessMemory> memory(std::span<const int> pids) {
  if (pids.empty()) return std::nullopt;
  ProcessMemory sum;
  for (const int pid : pids) {
    const auto smaps = read_proc(pid, "smaps_rollup");
    const auto rss = parse_smaps_bytes(smaps, "Rss");
    const auto pss = parse_smaps_bytes(smaps, "Pss");
    const auto clean = parse_smaps_bytes(smaps, "Private_Clean");
    const auto dirty = parse_smaps_bytes(smaps, "Private_Dirty");
    if (!rss || !pss || !clean || !dirty) return std::nullopt;
    sum.rss_bytes += *rss;
    sum.pss_bytes += *pss;
    sum.private_bytes += *clean + *dirty;
  }
  return sum;
}

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace carillon::cli::bench
