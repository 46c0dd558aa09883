#include <fmt/format.h>

#include "embedded/store_reading.hpp"

namespace carillon::embedded {
namespace {

bool sound(keys::ColumnFamily family, std::string_view key, std::string_view value) {
  ports::Permission permission;
  switch (family) {
    case keys::kMeta:
      return true;
    case keys::kLog:
    case keys::kMessages:
      return record::decode_message(value).has_value();
    case keys::kCursors:
      return key.starts_with(keys::kSettledTag) ? value.empty() : record::decode_number(value).has_value();
    case keys::kDeadLetters:
      return key.starts_with(keys::kLetterTag) ? record::decode_dead_letter(value).has_value()
                                               : record::decode_number(value).has_value();
    case keys::kMessageIds:
      return record::decode_place(value).has_value();
    case keys::kPermissionsByUser:
    case keys::kPermissionsByTarget:
      return record::decode_permission(value, permission);
    case keys::kSequenceIndex:
    case keys::kSequences:
      return record::decode_number(value).has_value();
    case keys::kDeduplication:
      return record::decode_deduplication(value).has_value();
  }
  return false;
}

}  // namespace

base::Result<void> Store::verify() const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  if (const auto files = reading->verify_files(std::numeric_limits<std::uint64_t>::max()); !files)
    return files;
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  for (std::uint32_t i = 0; i < keys::kColumnFamilyNames.size(); ++i) {
    const auto family = static_cast<keys::ColumnFamily>(i);
    const std::unique_ptr<rocksdb::Iterator> at(reading->db().NewIterator(options, reading->handle(family)));
    for (at->SeekToFirst(); at->Valid(); at->Next())
      if (!sound(family, view(at->key()), view(at->value()))) return record_damaged(*reading, family);
    if (!at->status().ok()) return read_failed(*reading, at->status());
  }
  return {};
}

base::Result<void> Store::compact() {
  const Reading reading(*this);
  if (!reading) return store_closed();
  rocksdb::CompactRangeOptions options;
  // A file that lies on the last level already passes the filter again too.
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (std::uint32_t i = 0; i < keys::kColumnFamilyNames.size(); ++i) {
    const rocksdb::Status status = reading->db().CompactRange(
        options, reading->handle(static_cast<keys::ColumnFamily>(i)), nullptr, nullptr);
    if (!status.ok()) return read_failed(*reading, status);
  }
  return {};
}

StoreFigures Store::figures() const {
  StoreFigures figures;
  const Reading reading(*this);
  if (!reading) return figures;
  const auto sum = [&](const std::string& property) {
    std::uint64_t value = 0;
    reading->db().GetAggregatedIntProperty(property, &value);
    return value;
  };
  figures.disk_bytes = sum(rocksdb::DB::Properties::kTotalSstFilesSize);
  figures.memtable_bytes = sum(rocksdb::DB::Properties::kCurSizeAllMemTables);
  reading->db().GetIntProperty(rocksdb::DB::Properties::kBlockCacheUsage, &figures.block_cache_bytes);
  std::vector<std::unique_ptr<rocksdb::LogFile>> logs;
  if (reading->db().GetSortedWalFiles(logs).ok())
    for (const auto& log : logs) figures.wal_bytes += log->SizeFileBytes();
  return figures;
}

}  // namespace carillon::embedded
