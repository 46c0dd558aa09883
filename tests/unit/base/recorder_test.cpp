#include "base/recorder.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace carillon::base {
namespace {

TEST(Recorder, SnapshotIsTheHistogramOfWhatWasRecorded) {
  EXPECT_TRUE(rc::check([] {
    const auto recorder = std::make_unique<Recorder>();
    Histogram expected;
    for (int left = *rc::gen::inRange(0, 200); left > 0; --left) {
      const auto value = *rc::gen::arbitrary<std::uint64_t>() >> *rc::gen::inRange(24, 64);
      recorder->record(value);
      expected.add(value);
    }
    RC_ASSERT(recorder->snapshot() == expected);
  }));
}

TEST(Recorder, DurationsAreMicroseconds) {
  Recorder recorder;
  recorder.record(std::chrono::milliseconds(3));
  recorder.record(std::chrono::nanoseconds(1999));
  recorder.record(std::chrono::seconds(-1));
  const Histogram found = recorder.snapshot();
  EXPECT_EQ(found.count(), 3u);
  EXPECT_EQ(found.sum(), 3001u);
  EXPECT_EQ(found.min(), 0u);
  EXPECT_EQ(found.max(), 3000u);
}

TEST(Recorder, WhatIsTooLargeStaysWithinBounds) {
  Recorder recorder;
  recorder.record(~std::uint64_t{0});
  const Histogram found = recorder.snapshot();
  EXPECT_EQ(found.count(), 1u);
  EXPECT_LE(found.min(), found.max());
  EXPECT_GE(found.quantile(0.5), static_cast<double>(log_linear::kMaxValue));
}

/// Readers see each value once, whenever they look, and extremes that fit the buckets. For ThreadSanitizer,
/// too.
TEST(Recorder, IsReadWhileItIsWritten) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr int kValues = 300'000;
  const auto recorder = std::make_unique<Recorder>();
  Counter events;
  std::atomic<bool> done{false};
  Histogram written;
  std::thread writer([&] {
    std::mt19937_64 random(seed);
    for (int i = 0; i < kValues; ++i) {
      const std::uint64_t value = random() >> (24 + random() % 40);
      recorder->record(value);
      written.add(value);
      events.add();
    }
    done = true;
  });
  Histogram seen, collected;
  std::uint64_t counted = 0;
  int looks = 0;
  for (bool last = false; !last; ++looks) {
    last = done;
    const std::uint64_t events_now = events.value();
    EXPECT_GE(events_now, counted);
    counted = events_now;
    const Histogram now = recorder->snapshot();
    if (now.empty()) continue;
    EXPECT_GE(now.count(), seen.count());
    EXPECT_LE(now.min(), now.max());
    EXPECT_EQ(log_linear::bucket_of(now.max()), now.buckets().size() - 1);
    const Histogram came = now.since(seen);
    if (came.empty()) continue;
    collected.merge(came);
    seen = now;
  }
  writer.join();
  EXPECT_EQ(counted, static_cast<std::uint64_t>(kValues));
  EXPECT_TRUE(std::ranges::equal(collected.buckets(), written.buckets())) << looks << " looks";
  EXPECT_EQ(collected.sum(), written.sum());
}

TEST(SharedCounter, SeveralThreadsAdd) {
  SharedCounter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 10'000; ++n) counter.add(2);
    });
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(counter.value(), 80'000u);
}

}  // namespace
}  // namespace carillon::base
