#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "embedded/store_reading.hpp"

namespace carillon::embedded {

using base::Result;
using model::MessagePtr;
using model::Position;

std::unexpected<base::Error> store_closed() {
  return model::fail(model::errors::kUnavailable, "the store is being reopened");
}

std::unexpected<base::Error> read_failed(const Database& database, const rocksdb::Status& status) {
  base::Error error = database.error(status);
  base::log::error("store_read_failed", "a read failed", {{"reason", error.details()}});
  return std::unexpected(std::move(error));
}

std::unexpected<base::Error> record_damaged(const Database& database, keys::ColumnFamily family) {
  std::string text = corruption_text(database.directory(), {},
                                     fmt::format("a record in {} has a wrong checksum or an unknown form",
                                                 keys::kColumnFamilyNames[family]));
  base::log::error("store_record_damaged", "a record cannot be read", {{"reason", text}});
  return model::fail(kStoreCorrupt, std::move(text));
}

namespace {

/// How far back a time is looked for behind redriven messages.
constexpr int kMostRedriven = 10'000;

/// A log record whose key agrees with it; null when it is damaged.
MessagePtr log_record(std::string_view key, std::string_view value) {
  auto message = record::decode_message(value);
  if (!message || keys::last_number(key) != message->position) return nullptr;
  return std::make_shared<const model::Message>(std::move(*message));
}

}  // namespace

Result<LogEnd> read_log_end(const Database& database) {
  const auto at = database.iterate(keys::kLog, nullptr, nullptr);
  at->SeekToLast();
  if (!at->Valid()) {
    if (!at->status().ok()) return read_failed(database, at->status());
    return LogEnd{};
  }
  LogEnd end;
  // A redriven message keeps its time, which may be long past.
  for (int steps = 0; at->Valid() && steps < kMostRedriven; at->Prev(), ++steps) {
    const MessagePtr message = log_record(view(at->key()), view(at->value()));
    if (!message) return record_damaged(database, keys::kLog);
    end.position = std::max(end.position, message->position);
    end.published_at = std::max(end.published_at, message->published_at);
    if (!message->redrive) break;
  }
  if (!at->status().ok()) return read_failed(database, at->status());
  return end;
}

Result<LogEnd> Store::log_end() const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  return read_log_end(*reading);
}

Result<MessagePtr> Store::log_message(Position position) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  std::string key;
  base::append_big_endian(key, position);
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = reading->get(keys::kLog, key, value);
  if (status.IsNotFound()) return nullptr;
  if (!status.ok()) return read_failed(*reading, status);
  MessagePtr message = log_record(key, view(value));
  if (!message) return record_damaged(*reading, keys::kLog);
  return message;
}

Result<std::vector<MessagePtr>> Store::read_log(Position from, std::size_t limit,
                                                std::size_t max_bytes) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  return read_log_records(*reading, from, limit, max_bytes);
}

Result<std::vector<MessagePtr>> read_log_records(const Database& database, Position from, std::size_t limit,
                                                 std::size_t max_bytes) {
  std::string start;
  base::append_big_endian(start, from);
  const rocksdb::Slice lower(start);
  const auto at = database.iterate(keys::kLog, &lower, nullptr);
  std::vector<MessagePtr> messages;
  std::size_t bytes = 0;
  for (at->Seek(lower); at->Valid() && messages.size() < limit && bytes < max_bytes; at->Next()) {
    MessagePtr message = log_record(view(at->key()), view(at->value()));
    if (!message) return record_damaged(database, keys::kLog);
    bytes += at->value().size();
    messages.push_back(std::move(message));
  }
  if (!at->status().ok()) return read_failed(database, at->status());
  return messages;
}

}  // namespace carillon::embedded
