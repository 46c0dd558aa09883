#include "embedded/rocksdb_options.hpp"

#include <algorithm>

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "embedded/expiry_filter.hpp"
#include "embedded/keys.hpp"

namespace carillon::embedded {
namespace {

constexpr std::size_t kMiB = 1u << 20;
constexpr std::uint64_t kDeduplicationPeriodSeconds = 3600;

rocksdb::BlockBasedTableOptions table_options(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  table.block_size = 16 * 1024;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  // In the cache, so that the cache's size bounds the memory of any number of files.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  return table;
}

rocksdb::ColumnFamilyOptions base_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache)));
  family.write_buffer_size = 8 * kMiB;
  family.compression = rocksdb::kNoCompression;
  family.level_compaction_dynamic_level_bytes = true;
  return family;
}

/// Several small memtables, written to disk as one file: their skip lists stay in the processor's cache,
/// which halves what an insert costs in the families whose keys do not ascend (measured:
/// bench/store_bench.cpp).
void small_memtables(rocksdb::ColumnFamilyOptions& family, std::size_t total_bytes) {
  constexpr int kMerged = 8;
  family.write_buffer_size = total_bytes / kMerged;
  family.min_write_buffer_number_to_merge = kMerged;
  family.max_write_buffer_number = 2 * kMerged + 2;
}

/// For families that are asked for one key at a time, mostly for one that is not there.
void expect_point_reads(rocksdb::ColumnFamilyOptions& family) {
  // Their filters are small and always needed: held by the open files rather than looked up in the cache.
  auto* table = family.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>();
  table->cache_index_and_filter_blocks = false;
  table->pin_l0_filter_and_index_blocks_in_cache = false;
  family.memtable_prefix_bloom_size_ratio = 0.05;
  family.memtable_whole_key_filtering = true;
}

}  // namespace

rocksdb::DBOptions database_options(const StoreOptions& options) {
  rocksdb::DBOptions db;
  if (options.env) db.env = options.env;
  db.paranoid_checks = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.recycle_log_file_num = 0;
  db.max_total_wal_size = options.max_wal_bytes;
  // Nothing resumes by itself after a failed write: the store is reopened and counters are read again.
  db.max_bgerror_resume_count = 0;
  // Two threads write, one of them in large batches: joining their inserts costs more than it saves, and
  // waiting by spinning would take a core from the loops.
  db.allow_concurrent_memtable_write = false;
  db.enable_write_thread_adaptive_yield = false;
  db.enable_pipelined_write = false;
  db.max_background_jobs = 2;
  db.max_subcompactions = 1;
  db.bytes_per_sync = kMiB;
  db.max_open_files = -1;
  db.max_log_file_size = 4 * kMiB;
  db.keep_log_file_num = 4;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> column_families(const StoreOptions& options,
                                                             std::shared_ptr<RetentionInForce> retention) {
  const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(keys::kColumnFamilyNames.size());
  for (const std::string_view name : keys::kColumnFamilyNames)
    families.emplace_back(std::string(name), base_options(cache));

  families[keys::kLog].options.write_buffer_size = options.write_buffer_bytes;

  auto& messages = families[keys::kMessages].options;
  small_memtables(messages, options.write_buffer_bytes / 2);
  messages.compression = rocksdb::kLZ4Compression;
  families[keys::kDeliveries].options.compression = rocksdb::kLZ4Compression;
  families[keys::kSeries].options.compression = rocksdb::kLZ4Compression;
  families[keys::kSeries].options.write_buffer_size = 4 * kMiB;
  small_memtables(families[keys::kSequenceIndex].options, 8 * kMiB);
  families[keys::kMessageIds].options.write_buffer_size = 16 * kMiB;
  for (const auto family : {keys::kMessages, keys::kSequenceIndex, keys::kMessageIds, keys::kDeliveries})
    families[family].options.compaction_filter_factory = expiry_filter(family, options.clock, retention);
  const auto period = static_cast<std::uint64_t>(rewrite_period(options.retention).count());
  for (const auto family : {keys::kMessages, keys::kSequenceIndex, keys::kMessageIds, keys::kDeliveries})
    families[family].options.periodic_compaction_seconds = period;

  auto& deduplication = families[keys::kDeduplication].options;
  small_memtables(deduplication, 8 * kMiB);
  deduplication.compaction_filter_factory = expiry_filter(keys::kDeduplication, options.clock, retention);
  deduplication.periodic_compaction_seconds = std::min(kDeduplicationPeriodSeconds, period);
  expect_point_reads(deduplication);
  small_memtables(families[keys::kSequences].options, 4 * kMiB);
  expect_point_reads(families[keys::kSequences].options);
  expect_point_reads(families[keys::kPermissionsByUser].options);
  return families;
}

}  // namespace carillon::embedded
