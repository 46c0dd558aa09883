#pragma once

#include <chrono>
#include <mutex>

#include <rocksdb/listener.h>

namespace carillon::embedded {

/// For how long RocksDB has slowed down or stopped writes, as long as any column family was behind. Told by
/// RocksDB when that changes, so that writing pays nothing. Any thread. Included by the sources of this room
/// only.
class StallClock final : public rocksdb::EventListener {
 public:
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& change) override;
  /// The stall that goes on included.
  std::chrono::microseconds total() const;

 private:
  using Clock = std::chrono::steady_clock;

  mutable std::mutex mutex_;
  int families_ = 0;  ///< that are behind
  Clock::time_point since_;
  Clock::duration total_{};
};

}  // namespace carillon::embedded
