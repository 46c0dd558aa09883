#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "base/result.hpp"

namespace carillon::bench {

/// Processor time, user and system, in µs: of the calling thread, of all the process's threads.
double thread_cpu_us();
double process_cpu_us();

/// Waits until the process uses next to no processor (RocksDB's background work is over), ten minutes at
/// most.
void settle();

/// `{"count","p50","p99","max","cpu"}`, in µs; `cpu` per sample.
boost::json::object summary(std::vector<std::uint64_t> nanos, double cpu_us);

/// Calls `query` `count` times, after a tenth of that for warming up.
template <std::invocable Query>
boost::json::object time_queries(std::size_t count, Query query) {
  for (std::size_t i = 0; i < count / 10; ++i) query();
  std::vector<std::uint64_t> nanos;
  nanos.reserve(count);
  const double cpu = thread_cpu_us();
  for (std::size_t i = 0; i < count; ++i) {
    const auto start = std::chrono::steady_clock::now();
    query();
    nanos.push_back(static_cast<std::uint64_t>((std::chrono::steady_clock::now() - start).count()));
  }
  return summary(std::move(nanos), thread_cpu_us() - cpu);
}

/// What a benchmark cannot go on without.
template <typename Value>
Value need(base::Result<Value> result) {
  if (!result) {
    fmt::print(stderr, "history_bench: {} {}\n", result.error().code(), result.error().details());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<Value>) return std::move(*result);
}

}  // namespace carillon::bench
