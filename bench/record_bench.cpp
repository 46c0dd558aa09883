// What a figure costs on a hot path: to be below 100 ns per event each, and a few in the usual case.

#include <benchmark/benchmark.h>

#include "base/log_sampler.hpp"
#include "base/recorder.hpp"
#include "embedded/delivery_figures.hpp"
#include "embedded/local_message_times.hpp"

namespace carillon {
namespace {

/// Latencies from microseconds to seconds.
std::vector<std::uint64_t> values() {
  std::vector<std::uint64_t> made;
  std::uint64_t state = 1;
  for (int i = 0; i < 4096; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    made.push_back((state >> 33) >> (state % 20));
  }
  return made;
}

void counter_add(benchmark::State& state) {
  base::Counter counter;
  for (auto _ : state) {
    counter.add();
    benchmark::DoNotOptimize(counter);
  }
}
BENCHMARK(counter_add);

void recorder_record(benchmark::State& state) {
  base::Recorder recorder;
  const auto all = values();
  std::size_t i = 0;
  for (auto _ : state) recorder.record(all[i++ % all.size()]);
  benchmark::DoNotOptimize(recorder.snapshot().count());
}
BENCHMARK(recorder_record);

void recorder_snapshot(benchmark::State& state) {
  base::Recorder recorder;
  for (const std::uint64_t each : values()) recorder.record(each);
  for (auto _ : state) benchmark::DoNotOptimize(recorder.snapshot());
}
BENCHMARK(recorder_snapshot);

void message_times_put(benchmark::State& state) {
  embedded::LocalMessageTimes times;
  std::vector<model::MessageId> ids;
  for (int i = 0; i < 65'536; ++i) ids.push_back(model::MessageId::generate(1'760'000'000'000));
  std::size_t i = 0;
  for (auto _ : state) times.put(ids[i++ % ids.size()], {1, 2});
  benchmark::DoNotOptimize(times.find(ids[0]));
}
BENCHMARK(message_times_put);

/// A line that is held back, as at high rates nearly all are.
void sampler_closed(benchmark::State& state) {
  base::LogSampler sampler(1);
  const base::Monotonic now = base::monotonic_now();
  for (auto _ : state) benchmark::DoNotOptimize(sampler.allow(now));
}
BENCHMARK(sampler_closed);

/// All of it, as the bus loop does it when it takes a message up.
void message_taken_up(benchmark::State& state) {
  embedded::DeliveryFigures figures(1000);
  embedded::LocalMessageTimes times;
  base::LogSampler sampler(10);
  std::vector<model::MessageId> ids;
  for (int i = 0; i < 65'536; ++i) ids.push_back(model::MessageId::generate(1'760'000'000'000));
  const auto all = values();
  const base::Monotonic now = base::monotonic_now();
  std::size_t i = 0;
  for (auto _ : state) {
    times.put(ids[i % ids.size()], {1, 2});
    figures.taken_up(std::chrono::microseconds(all[i % all.size()]));
    benchmark::DoNotOptimize(sampler.allow(now));
    ++i;
  }
}
BENCHMARK(message_taken_up);

}  // namespace
}  // namespace carillon

BENCHMARK_MAIN();
