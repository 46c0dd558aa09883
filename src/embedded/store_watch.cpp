#include "embedded/store_watch.hpp"

#include "base/log.hpp"

namespace carillon::embedded {
namespace {

constexpr int kLooksPerSizing = 10;

}  // namespace

StoreWatch::StoreWatch(base::EventLoop& loop, const Store& store, std::uint64_t disk_reserve_bytes)
    : store_(store), guard_(disk_reserve_bytes), timer_(loop.io()) {}

void StoreWatch::start() {
  look();
}

void StoreWatch::look() {
  look_at_disk();
  look_at_store();
  wait();
}

void StoreWatch::wait() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) look();
  });
}

void StoreWatch::look_at_disk() {
  const auto space = probe_disk_space(store_.directory());
  if (!space) return;
  available_bytes_ = space->available;
  const bool open = guard_.admit(*space);
  if (disk_open_.exchange(open) == open) return;
  if (open)
    base::log::info("disk_space_back", "publishing is open again", {{"available_bytes", space->available}});
  else
    base::log::error("disk_nearly_full", "publishing is closed until there is space",
                     {{"available_bytes", space->available}});
}

void StoreWatch::look_at_store() {
  const StoreFigures figures = store_.figures();
  memtable_bytes_ = figures.memtable_bytes;
  block_cache_bytes_ = figures.block_cache_bytes;
  write_stopped_ = figures.write_stopped;
  write_delayed_ = figures.write_delayed;
  stalled_ = figures.stalled;
  if (looks_++ % kLooksPerSizing != 0) return;
  const StoreSizes sizes = store_.sizes();
  table_bytes_ = sizes.table_bytes;
  wal_bytes_ = sizes.wal_bytes;
}

void StoreWatch::collect(ports::MetricSet& into) const {
  const auto bytes = [&](std::string_view name, std::string_view help,
                         const std::atomic<std::uint64_t>& value) {
    into.gauge(name, help, static_cast<double>(value));
  };
  bytes("carillon_store_size_bytes", "Table files of the store on disk.", table_bytes_);
  bytes("carillon_store_wal_bytes", "Write-ahead log of the store on disk.", wal_bytes_);
  bytes("carillon_store_memtable_bytes", "What the store holds in memory until it is in table files.",
        memtable_bytes_);
  bytes("carillon_store_block_cache_bytes", "Table blocks that the store keeps in memory.",
        block_cache_bytes_);
  bytes("carillon_disk_available_bytes", "What may still be written to the store's disk.", available_bytes_);
  into.gauge("carillon_store_write_stopped", "1 while writes wait for compaction.", write_stopped_ ? 1 : 0);
  into.gauge("carillon_store_write_delayed", "1 while writes are slowed down, as compaction is behind.",
             write_delayed_ ? 1 : 0);
  into.seconds_counter("carillon_store_stall_seconds_total",
                       "For how long the store has slowed down or stopped writes.",
                       std::chrono::duration<double>(stalled_.load()).count());
}

}  // namespace carillon::embedded
