#include <limits>

#include "base/bytes.hpp"
#include "embedded/store_reading.hpp"

namespace carillon::embedded {

using base::Result;
using model::MessagePtr;

namespace {

std::string message_key(const model::Target& target, model::Position position) {
  std::string key;
  keys::target(key, target.target_class, target.id);
  base::append_big_endian(key, position);
  return key;
}

/// A record of the message table that agrees with its key; null when it is damaged.
MessagePtr stored_record(std::string_view position_bytes, std::string_view value,
                         const model::Target& target) {
  auto message = record::decode_message(value);
  if (!message || keys::last_number(position_bytes) != message->position || message->target != target)
    return nullptr;
  return std::make_shared<const model::Message>(std::move(*message));
}

/// The message at a place: null when it is not there or has expired.
Result<MessagePtr> message_at(const Database& database, const model::Target& target, model::Position position,
                              const Retention& retention, base::EpochMs now) {
  const std::string key = message_key(target, position);
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = database.get(keys::kMessages, key, value);
  if (status.IsNotFound()) return nullptr;
  if (!status.ok()) return read_failed(database, status);
  MessagePtr message = stored_record(std::string_view(key).substr(key.size() - 8), view(value), target);
  if (!message) return record_damaged(database, keys::kMessages);
  if (retention.expired(target.target_class, target.id, message->published_at, now)) return nullptr;
  return message;
}

}  // namespace

Result<std::vector<MessagePtr>> Store::history(const HistoryQuery& query) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  const auto retention = retention_->get();
  const base::EpochMs now = options_.clock();
  const model::Target& target = query.target;

  std::string prefix;
  keys::target(prefix, target.target_class, target.id);
  const std::string end = keys::after(prefix);
  const rocksdb::Slice lower(prefix), upper(end);
  const auto at = reading->iterate(keys::kMessages, &lower, &upper);
  const std::string start =
      message_key(target, query.from != 0 || !query.newest_first ? query.from
                                                                 : std::numeric_limits<std::uint64_t>::max());
  query.newest_first ? at->SeekForPrev(start) : at->Seek(start);

  std::vector<MessagePtr> found;
  std::size_t bytes = 0;
  while (at->Valid() && found.size() < query.limit) {
    MessagePtr message = stored_record(view(at->key()).substr(prefix.size()), view(at->value()), target);
    if (!message) return record_damaged(*reading, keys::kMessages);
    const bool expired = retention->expired(target.target_class, target.id, message->published_at, now);
    // Times never step backwards, so everything older has expired too.
    if (expired && query.newest_first) break;
    if (!expired) {
      bytes += at->value().size();
      if (!found.empty() && bytes > query.max_bytes) break;
      found.push_back(std::move(message));
    }
    query.newest_first ? at->Prev() : at->Next();
  }
  if (!at->status().ok()) return read_failed(*reading, at->status());
  return found;
}

Result<MessagePtr> Store::message(const model::MessageId& id) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = reading->get(keys::kMessageIds, id.view(), value);
  if (status.IsNotFound()) return nullptr;
  if (!status.ok()) return read_failed(*reading, status);
  const auto place = record::decode_place(view(value));
  if (!place) return record_damaged(*reading, keys::kMessageIds);
  return message_at(*reading, place->target, place->position, *retention_->get(), options_.clock());
}

Result<std::vector<MessagePtr>> Store::messages_with_sequence(std::string_view chat_id,
                                                              model::SequenceNumber sequence) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  std::string key;
  keys::id(key, chat_id);
  base::append_big_endian(key, sequence);
  std::string end = key;
  base::append_big_endian(end, std::numeric_limits<std::uint64_t>::max());
  const rocksdb::Slice lower(key), upper(end);
  std::vector<model::Position> positions;
  const auto at = reading->iterate(keys::kSequenceIndex, &lower, &upper);
  for (at->Seek(lower); at->Valid(); at->Next()) {
    const auto position = keys::last_number(view(at->key()).substr(key.size()));
    if (!position) return record_damaged(*reading, keys::kSequenceIndex);
    positions.push_back(*position);
  }
  if (!at->status().ok()) return read_failed(*reading, at->status());

  const auto retention = retention_->get();
  const base::EpochMs now = options_.clock();
  const model::Target chat = model::Target::chat(std::string(chat_id));
  std::vector<MessagePtr> found;
  for (const model::Position position : positions) {
    auto message = message_at(*reading, chat, position, *retention, now);
    if (!message) return std::unexpected(std::move(message.error()));
    if (*message) found.push_back(std::move(*message));
  }
  return found;
}

}  // namespace carillon::embedded
