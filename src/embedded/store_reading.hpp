#pragma once

#include <mutex>
#include <shared_mutex>
#include <vector>

#include <rocksdb/convenience.h>

#include "embedded/database.hpp"
#include "embedded/record.hpp"
#include "embedded/store.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {

/// One read: holds the database open while it lasts.
class Store::Reading {
 public:
  explicit Reading(const Store& store) : lock_(store.mutex_), database_(store.database_.get()) {}

  explicit operator bool() const { return database_ != nullptr; }
  const Database& operator*() const { return *database_; }
  const Database* operator->() const { return database_; }

 private:
  std::shared_lock<std::shared_mutex> lock_;
  const Database* database_;
};

std::unexpected<base::Error> store_closed();
/// What RocksDB said of a read; logged.
std::unexpected<base::Error> read_failed(const Database& database, const rocksdb::Status& status);
/// A value that is not what this program writes; logged.
std::unexpected<base::Error> record_damaged(const Database& database, keys::ColumnFamily family);

/// The time of publication from which on a target's messages are kept.
inline base::EpochMs oldest_kept(const Retention& retention, const model::Target& target, base::EpochMs now) {
  return now - retention.for_target(target.target_class, target.id).count() + 1;
}

base::Result<LogEnd> read_log_end(const Database& database);
/// As Store::read_log.
base::Result<std::vector<model::MessagePtr>> read_log_records(const Database& database, model::Position from,
                                                              std::size_t limit, std::size_t max_bytes);
base::Result<std::vector<QueueCursor>> read_cursors(const Database& database);
/// The number record under the key; 0: there is none.
base::Result<std::uint64_t> read_number(const Database& database, keys::ColumnFamily family,
                                        std::string_view key);
/// The last number given out in the chat; 0: none.
base::Result<model::SequenceNumber> read_sequence(const Database& database, std::string_view chat_id);

/// Calls `each(key without the prefix, value)` for the keys that begin with `prefix` and come after
/// prefix+`after`, in order, until it returns false. The prefix ends in an id's zero byte.
template <typename Each>
rocksdb::Status scan(const Database& database, keys::ColumnFamily family, std::string_view prefix,
                     std::string_view after, Each each) {
  const std::string end = keys::after(prefix);
  const rocksdb::Slice lower = slice(prefix), upper = slice(end);
  const auto at = database.iterate(family, &lower, &upper);
  for (at->Seek(std::string(prefix).append(after)); at->Valid(); at->Next())
    if (!each(view(at->key()).substr(prefix.size()), view(at->value()))) break;
  return at->status();
}

}  // namespace carillon::embedded
