#include "history/measuring.hpp"

#include <algorithm>
#include <thread>

#include <sys/resource.h>

namespace carillon::bench {
namespace {

constexpr double kAtRestShare = 0.02;
constexpr std::chrono::milliseconds kLook{500};
constexpr int kMostLooks = 1200;

double cpu_us(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto us = [](const timeval& time) {
    return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

double quantile(const std::vector<std::uint64_t>& sorted, double fraction) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return static_cast<double>(sorted[static_cast<std::size_t>(fraction * last)]) / 1000;
}

}  // namespace

double thread_cpu_us() {
  return cpu_us(RUSAGE_THREAD);
}

double process_cpu_us() {
  return cpu_us(RUSAGE_SELF);
}

void settle() {
  const double most = kAtRestShare * static_cast<double>(std::chrono::microseconds(kLook).count());
  for (int looks = 0, quiet = 0; looks < kMostLooks && quiet < 2; ++looks) {
    const double before = process_cpu_us();
    std::this_thread::sleep_for(kLook);
    quiet = process_cpu_us() - before <= most ? quiet + 1 : 0;
  }
}

boost::json::object summary(std::vector<std::uint64_t> nanos, double cpu_us) {
  if (nanos.empty()) return {{"count", 0}};
  std::ranges::sort(nanos);
  return {{"count", nanos.size()},
          {"p50", quantile(nanos, 0.5)},
          {"p99", quantile(nanos, 0.99)},
          {"max", quantile(nanos, 1)},
          {"cpu", cpu_us / static_cast<double>(nanos.size())}};
}

}  // namespace carillon::bench
