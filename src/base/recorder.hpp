#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/histogram.hpp"

/// What counts on a hot path: one thread writes without a locked instruction, any thread reads. A few
/// nanoseconds each. What several threads write, each counts on its own, and who reads adds up.
namespace carillon::base {

/// A number that only rises. One thread adds.
class Counter {
 public:
  void add(std::uint64_t more = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A level that rises and falls. One thread writes.
class Level {
 public:
  void change(std::size_t from, std::size_t to) {
    value_.store(value_.load(std::memory_order_relaxed) + to - from, std::memory_order_relaxed);
  }
  std::size_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> value_{0};
};

/// The same as Counter where several threads add, rarely.
class SharedCounter {
 public:
  void add(std::uint64_t more = 1) { value_.fetch_add(more, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A histogram that one thread writes while others read it. 9 KiB.
class Recorder {
 public:
  void record(std::uint64_t value) {
    bump(buckets_[log_linear::bucket_of(value)], 1);
    bump(sum_, value);
    if (value < min_.load(std::memory_order_relaxed)) min_.store(value, std::memory_order_relaxed);
    if (value > max_.load(std::memory_order_relaxed)) max_.store(value, std::memory_order_relaxed);
  }
  /// Microseconds; a negative duration counts as none.
  void record(std::chrono::steady_clock::duration duration) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    record(us > 0 ? static_cast<std::uint64_t>(us) : 0);
  }
  /// Everything since the start. Any thread. What is recorded meanwhile may be in some of its parts only.
  Histogram snapshot() const;

 private:
  static void bump(std::atomic<std::uint64_t>& cell, std::uint64_t more) {
    cell.store(cell.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  std::array<std::atomic<std::uint64_t>, log_linear::kBuckets> buckets_{};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> min_{~std::uint64_t{0}};
  std::atomic<std::uint64_t> max_{0};
};

}  // namespace carillon::base
