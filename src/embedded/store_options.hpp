#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "embedded/retention.hpp"

namespace rocksdb {
class Env;
}

namespace carillon::embedded {

struct StoreOptions {
  Retention retention;
  std::size_t block_cache_bytes = 64u << 20;
  std::size_t write_buffer_bytes = 64u << 20;  ///< of the log; of the message table half as much
  std::uint64_t max_wal_bytes = 96u << 20;     ///< bounds the time of a restart after a crash
  /// Opening reads every file of what publishing needs; of history, the newest files up to this many bytes.
  std::uint64_t verify_history_bytes = 256u << 20;
  std::function<base::EpochMs()> clock = base::now_ms;
  rocksdb::Env* env = nullptr;  ///< null: the operating system's; must outlive the store
};

/// How much of the disk the store has.
struct StoreSizes {
  std::uint64_t table_bytes = 0;
  std::uint64_t wal_bytes = 0;  ///< write-ahead log
};

/// For metrics and the log.
struct StoreFigures {
  std::uint64_t memtable_bytes = 0;
  std::uint64_t block_cache_bytes = 0;
  bool write_stopped = false, write_delayed = false;  ///< compaction is behind
  std::chrono::microseconds stalled{};  ///< since the store was opened: for how long writes were either
};

// Why a store cannot be used. Operators see `details`; were one of them ever answered to a client, it would
// say no more than "Internal error".
inline constexpr base::ErrorEntry kStoreInUse{"store_in_use", 500, 1011, false, "Internal error"};
inline constexpr base::ErrorEntry kStoreTooNew{"store_too_new", 500, 1011, false, "Internal error"};
inline constexpr base::ErrorEntry kStoreCorrupt{"store_corrupt", 500, 1011, false, "Internal error"};

}  // namespace carillon::embedded
