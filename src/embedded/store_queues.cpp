#include "base/bytes.hpp"
#include "embedded/store_reading.hpp"

namespace carillon::embedded {

using base::Result;
using model::Position;
using ports::QueuedMessage;

Result<std::vector<QueueCursor>> read_cursors(const Database& database) {
  std::vector<QueueCursor> found;
  bool damaged = false;
  const std::string lower_key(1, keys::kCursorTag), upper_key(1, keys::kCursorTag + 1);
  const rocksdb::Slice lower(lower_key), upper(upper_key);
  const auto at = database.iterate(keys::kCursors, &lower, &upper);
  for (at->Seek(lower); at->Valid() && !damaged; at->Next()) {
    std::string_view key = view(at->key()).substr(1);
    const auto queue = keys::take_id(key);
    const auto position = record::decode_number(view(at->value()));
    damaged = !queue || !key.empty() || !position;
    if (!damaged) found.push_back({std::string(*queue), *position});
  }
  if (damaged) return record_damaged(database, keys::kCursors);
  if (!at->status().ok()) return read_failed(database, at->status());
  return found;
}

Result<std::uint64_t> read_number(const Database& database, keys::ColumnFamily family, std::string_view key) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = database.get(family, key, value);
  if (status.IsNotFound()) return 0;
  if (!status.ok()) return read_failed(database, status);
  const auto found = record::decode_number(view(value));
  if (!found) return record_damaged(database, family);
  return *found;
}

namespace {

std::string prefix_of(char tag, std::string_view queue) {
  std::string prefix;
  keys::tagged(prefix, tag, queue);
  return prefix;
}

}  // namespace

Result<model::SequenceNumber> read_sequence(const Database& database, std::string_view chat_id) {
  std::string key;
  keys::id(key, chat_id);
  return read_number(database, keys::kSequences, key);
}

Result<std::vector<QueueCursor>> Store::cursors() const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  return read_cursors(*reading);
}

Result<Position> Store::cursor(std::string_view queue) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  return read_number(*reading, keys::kCursors, prefix_of(keys::kCursorTag, queue));
}

Result<std::vector<Position>> Store::settled(std::string_view queue) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  std::vector<Position> found;
  bool damaged = false;
  const rocksdb::Status status =
      scan(*reading, keys::kCursors, prefix_of(keys::kSettledTag, queue), {}, [&](auto key, auto) {
        const auto position = keys::last_number(key);
        damaged = !position;
        if (position) found.push_back(*position);
        return !damaged;
      });
  if (damaged) return record_damaged(*reading, keys::kCursors);
  if (!status.ok()) return read_failed(*reading, status);
  return found;
}

Result<std::vector<QueuedMessage>> Store::dead_letters(std::string_view queue, Position after,
                                                       std::size_t limit) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  std::vector<QueuedMessage> found;
  if (after == std::numeric_limits<Position>::max() || limit == 0) return found;
  bool damaged = false;
  std::string start;
  base::append_big_endian(start, after + 1);
  const rocksdb::Status status = scan(
      *reading, keys::kDeadLetters, prefix_of(keys::kLetterTag, queue), start, [&](auto key, auto value) {
        auto letter = record::decode_dead_letter(value);
        damaged = !letter || keys::last_number(key) != letter->message->position;
        if (!damaged) found.push_back(std::move(*letter));
        return !damaged && found.size() < limit;
      });
  if (damaged) return record_damaged(*reading, keys::kDeadLetters);
  if (!status.ok()) return read_failed(*reading, status);
  return found;
}

Result<std::optional<QueuedMessage>> Store::dead_letter(std::string_view queue,
                                                        const model::MessageId& id) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  std::string key = prefix_of(keys::kLetterIdTag, queue);
  key += id.view();
  const auto position = read_number(*reading, keys::kDeadLetters, key);
  if (!position) return std::unexpected(position.error());
  if (*position == 0) return std::nullopt;
  key = prefix_of(keys::kLetterTag, queue);
  base::append_big_endian(key, *position);
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = reading->get(keys::kDeadLetters, key, value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return read_failed(*reading, status);
  auto letter = record::decode_dead_letter(view(value));
  if (!letter || letter->message->id != id) return record_damaged(*reading, keys::kDeadLetters);
  return letter;
}

Result<std::uint64_t> Store::dead_letter_count(std::string_view queue) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  std::uint64_t count = 0;
  const rocksdb::Status status = scan(*reading, keys::kDeadLetters, prefix_of(keys::kLetterIdTag, queue), {},
                                      [&](auto, auto) { return ++count, true; });
  if (!status.ok()) return read_failed(*reading, status);
  return count;
}

Result<model::SequenceNumber> Store::sequence(std::string_view chat_id) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  return read_sequence(*reading, chat_id);
}

Result<std::optional<ports::Receipt>> Store::deduplication(std::string_view key, base::EpochMs now) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = reading->get(keys::kDeduplication, key, value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return read_failed(*reading, status);
  auto entry = record::decode_deduplication(view(value));
  if (!entry) return record_damaged(*reading, keys::kDeduplication);
  if (entry->expires_at <= now) return std::nullopt;
  entry->receipt.deduplicated = true;
  return entry->receipt;
}

}  // namespace carillon::embedded
