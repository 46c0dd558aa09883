#include "embedded/upgrade.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "embedded/commit_batch.hpp"
#include "embedded/format_file.hpp"
#include "embedded/parsed_keys.hpp"
#include "embedded/record.hpp"
#include "embedded/store_reading.hpp"

namespace carillon::embedded {
namespace {

using base::Result;

constexpr std::size_t kEpochBytes = 12;
constexpr std::size_t kTokenSecretBytes = 32;
constexpr std::uint32_t kEntriesPerWrite = 1000;
constexpr std::uint64_t kMessagesPerReport = 1'000'000;
/// Above every key that begins with an id: no byte of UTF-8 is 0xff.
constexpr std::string_view kAboveIds = "\xff";

Result<void> written(const Database& database, const rocksdb::Status& status) {
  if (!status.ok()) return std::unexpected(database.error(status));
  return {};
}

/// Writes what has gathered once it is `least` entries.
Result<void> write_full(const Database& database, rocksdb::WriteBatch& entries, std::uint32_t least) {
  if (entries.Count() < least) return {};
  const auto status = database.db().Write(rocksdb::WriteOptions(), &entries);
  entries.Clear();
  return written(database, status);
}

/// Format 2 has a byte in the index's keys that tells the chat's own numbers from those that publishers gave.
/// What an interrupted attempt left behind is in the way of nothing: everything is made again.
Result<void> rebuild_sequence_index(const Database& database) {
  rocksdb::DB& db = database.db();
  rocksdb::ColumnFamilyHandle* const index = database.handle(keys::kSequenceIndex);
  const auto emptied = db.DeleteRange(rocksdb::WriteOptions(), index, rocksdb::Slice(), slice(kAboveIds));
  if (!emptied.ok()) return written(database, emptied);

  rocksdb::ReadOptions read;
  read.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator(read, database.handle(keys::kMessages)));
  rocksdb::WriteBatch entries;
  std::string key, value;
  std::uint64_t messages = 0;
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto message = record::decode_message(view(at->value()));
    if (!message) return record_damaged(database, keys::kMessages);
    key.clear();
    value.clear();
    if (append_sequence_index_key(key, *message)) {
      record::append_number(value, static_cast<std::uint64_t>(message->published_at));
      entries.Put(index, key, value);
    }
    if (const auto put = write_full(database, entries, kEntriesPerWrite); !put) return put;
    if (++messages % kMessagesPerReport == 0)
      base::log::info("store_upgrading", "the store is being upgraded", {{"messages", messages}});
  }
  if (!at->status().ok()) return read_failed(database, at->status());
  return write_full(database, entries, 0);
}

/// Format 2 knows how many owners a target has without reading everybody who may go there. What an
/// interrupted attempt wrote is written again.
Result<void> count_owners(const Database& database) {
  rocksdb::ColumnFamilyHandle* const permissions = database.handle(keys::kPermissionsByTarget);
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> at(database.db().NewIterator(read, permissions));
  rocksdb::WriteBatch counts;
  std::optional<model::Target> target;
  std::uint64_t owners = 0;
  const auto end_target = [&] {
    if (owners == 0) return;
    std::string key, value;
    keys::target(key, target->target_class, target->id);
    record::append_number(value, std::exchange(owners, 0));
    counts.Put(permissions, key, value);
  };
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    auto key = parse_target_permission_key(view(at->key()));
    if (!key) return record_damaged(database, keys::kPermissionsByTarget);
    if (target != key->target) {
      end_target();
      target = std::move(key->target);
      if (const auto put = write_full(database, counts, kEntriesPerWrite); !put) return put;
    }
    if (!key->user) continue;
    ports::Permission permission;
    if (!record::decode_permission(view(at->value()), permission))
      return record_damaged(database, keys::kPermissionsByTarget);
    owners += permission.role == model::Role::owner;
  }
  if (!at->status().ok()) return read_failed(database, at->status());
  end_target();
  return write_full(database, counts, 0);
}

Result<void> upgrade_to_second(const Database& database) {
  if (const auto rebuilt = rebuild_sequence_index(database); !rebuilt) return rebuilt;
  if (const auto counted = count_owners(database); !counted) return counted;
  rocksdb::PinnableSlice epoch;
  const rocksdb::Status status = database.get(keys::kMeta, keys::kEpochKey, epoch);
  if (!status.ok()) return read_failed(database, status);
  return write_names(database, view(epoch), new_token_secret());
}

}  // namespace

std::string new_epoch() {
  return base::random_token(kEpochBytes);
}

std::string new_token_secret() {
  return base::random_token(kTokenSecretBytes);
}

Result<void> write_names(const Database& database, std::string_view epoch, std::string_view token_secret) {
  rocksdb::WriteBatch names;
  names.Put(database.handle(keys::kMeta), slice(keys::kEpochKey), slice(epoch));
  names.Put(database.handle(keys::kMeta), slice(keys::kTokenSecretKey), slice(token_secret));
  rocksdb::WriteOptions synced;
  synced.sync = true;
  return written(database, database.db().Write(synced, &names));
}

Result<void> upgrade_database(const Database& database, unsigned format) {
  base::log::info("store_upgrade", "a store of an older format is upgraded; this happens once",
                  {{"from", format}, {"to", kFormatVersion}});
  // Format 3 adds a column family, which opening the database made, and a field that old records lack; format
  // 4 a flag that they lack.
  if (format < 2)
    if (const auto second = upgrade_to_second(database); !second) return second;
  base::log::info("store_upgraded", "the store has this program's format", {{"format", kFormatVersion}});
  return {};
}

}  // namespace carillon::embedded
