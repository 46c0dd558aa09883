#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "embedded/disk_space.hpp"
#include "embedded/store.hpp"
#include "ports/metric_set.hpp"

namespace carillon::embedded {

/// Looks at the store and at its disk once a second (at the sizes of files, every ten), on a loop that nobody
/// waits for: both may make it wait.
class StoreWatch {
 public:
  StoreWatch(base::EventLoop& loop, const Store& store, std::uint64_t disk_reserve_bytes);

  /// Looks for the first time. Before the loop is started; from then on it looks by itself.
  void start();
  /// Whether there is room to publish. Any thread.
  bool disk_open() const { return disk_open_; }
  /// What it saw last. Any thread.
  void collect(ports::MetricSet& into) const;

 private:
  void look();
  void look_at_disk();
  void look_at_store();
  void wait();

  const Store& store_;
  DiskSpaceGuard guard_;
  boost::asio::steady_timer timer_;
  std::atomic<bool> disk_open_{true};
  std::atomic<std::uint64_t> available_bytes_{0};
  int looks_ = 0;
  std::atomic<std::uint64_t> table_bytes_{0}, wal_bytes_{0}, memtable_bytes_{0}, block_cache_bytes_{0};
  std::atomic<bool> write_stopped_{false}, write_delayed_{false};
  std::atomic<std::chrono::microseconds> stalled_{};
};

}  // namespace carillon::embedded
