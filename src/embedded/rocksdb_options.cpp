#include "embedded/rocksdb_options.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "embedded/expiry_filter.hpp"
#include "embedded/keys.hpp"

namespace carillon::embedded {
namespace {

constexpr std::size_t kMiB = 1u << 20;
constexpr int kDeduplicationPeriodSeconds = 3600;
constexpr int kHistoryPeriodSeconds = 24 * 3600;

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

void filter_whole_keys(rocksdb::ColumnFamilyOptions& family) {
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
  for (const std::string_view name : keys::kColumnFamilyNames)
    families.emplace_back(std::string(name), base_options(cache));

  families[keys::kLog].options.write_buffer_size = options.write_buffer_bytes;

  auto& messages = families[keys::kMessages].options;
  messages.write_buffer_size = options.write_buffer_bytes;
  messages.compression = rocksdb::kLZ4Compression;
  families[keys::kSequenceIndex].options.write_buffer_size = 16 * kMiB;
  families[keys::kMessageIds].options.write_buffer_size = 16 * kMiB;
  for (const auto family : {keys::kMessages, keys::kSequenceIndex, keys::kMessageIds}) {
    families[family].options.compaction_filter_factory = expiry_filter(family, options.clock, retention);
    families[family].options.periodic_compaction_seconds = kHistoryPeriodSeconds;
  }

  auto& deduplication = families[keys::kDeduplication].options;
  deduplication.write_buffer_size = 16 * kMiB;
  deduplication.compaction_filter_factory = expiry_filter(keys::kDeduplication, options.clock, retention);
  deduplication.periodic_compaction_seconds = kDeduplicationPeriodSeconds;
  filter_whole_keys(deduplication);
  filter_whole_keys(families[keys::kSequences].options);
  filter_whole_keys(families[keys::kPermissionsByUser].options);
  if (getenv("X_NOHINT")) for (auto f : {keys::kMessages, keys::kSequenceIndex, keys::kSequences, keys::kDeduplication}) families[f].options.memtable_insert_with_hint_prefix_extractor.reset();
  if (getenv("X_NOHINTALL")) for (auto& f : families) f.options.memtable_insert_with_hint_prefix_extractor.reset();
  if (const char* m = getenv("X_DEDUP_MB")) deduplication.write_buffer_size = (std::size_t)atoi(m) * kMiB;
  if (const char* m = getenv("X_MSG_MB")) messages.write_buffer_size = (std::size_t)atoi(m) * kMiB;
  if (const char* m = getenv("X_SI_MB")) families[keys::kSequenceIndex].options.write_buffer_size = (std::size_t)atoi(m) * kMiB;
  if (const char* m = getenv("X_SEQ_KB")) families[keys::kSequences].options.write_buffer_size = (std::size_t)atoi(m) * 1024;
  if (const char* kb = getenv("X_MERGE")) { 
    const auto small = [&](keys::ColumnFamily f, std::size_t kib, int n) { auto& o = families[f].options; o.write_buffer_size = kib*1024; o.min_write_buffer_number_to_merge = n; o.max_write_buffer_number = 2*n+2; };
    small(keys::kDeduplication, atoi(kb), 8);
    small(keys::kSequenceIndex, atoi(kb), 8);
    small(keys::kSequences, 256, 8);
    if (const char* m = getenv("X_MM")) small(keys::kMessages, atoi(m), 8);
  }
  return families;
}

}  // namespace carillon::embedded
