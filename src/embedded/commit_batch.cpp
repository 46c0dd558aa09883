#include "embedded/commit_batch.hpp"

#include <algorithm>
#include <cassert>
#include <deque>
#include <tuple>

#include "base/bytes.hpp"
#include "embedded/keys.hpp"
#include "embedded/record.hpp"
#include "embedded/series_record.hpp"

namespace carillon::embedded {
namespace {

// RocksDB's write batch, as write_batch.cc of every release describes it and every write-ahead log holds it:
// sequence (8 bytes) and count (4 bytes), both little-endian and filled in on writing, then the changes.
constexpr std::size_t kHeader = 12;
constexpr std::size_t kCountAt = 8;
constexpr char kPut = 0x05;
constexpr char kDelete = 0x04;
constexpr char kDeleteRange = 0x0e;

void varint32(std::string& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

}  // namespace

bool append_sequence_index_key(std::string& out, const model::Message& message) {
  if (!message.sequence || !message.target.is_chat()) return false;
  keys::sequence_index(out, message.target.id,
                       message.client_sequence ? keys::kClientNumber : keys::kServerNumber);
  base::append_big_endian(out, *message.sequence);
  base::append_big_endian(out, message.position);
  return true;
}

CommitBatch::CommitBatch() : bytes_(kHeader, '\0') {}

void CommitBatch::clear() {
  bytes_.assign(kHeader, '\0');
  count_ = 0;
}

void CommitBatch::finish() {
  for (int i = 0; i < 4; ++i) bytes_[kCountAt + i] = static_cast<char>(count_ >> (8 * i));
}

void CommitBatch::begin(char tag, std::uint32_t column_family, std::size_t key_size) {
  ++count_;
  bytes_ += tag;
  varint32(bytes_, column_family);
  varint32(bytes_, static_cast<std::uint32_t>(key_size));
}

void CommitBatch::put(std::uint32_t column_family, std::string_view key, std::string_view value) {
  begin(kPut, column_family, key.size());
  bytes_ += key;
  varint32(bytes_, static_cast<std::uint32_t>(value.size()));
  bytes_ += value;
}

void CommitBatch::erase(std::uint32_t column_family, std::string_view key) {
  begin(kDelete, column_family, key.size());
  bytes_ += key;
}

void CommitBatch::erase_range(std::uint32_t column_family, std::string_view first, std::string_view end) {
  begin(kDeleteRange, column_family, first.size());
  bytes_ += first;
  varint32(bytes_, static_cast<std::uint32_t>(end.size()));
  bytes_ += end;
}

void CommitBatch::add_message(const model::Message& message) {
  assert(message.position != 0);
  begin(kPut, keys::kLog, 8);
  base::append_big_endian(bytes_, message.position);
  varint32(bytes_, static_cast<std::uint32_t>(record::message_size(message)));
  record::append_message(bytes_, message);
}

void CommitBatch::set_sequence(std::string_view chat_id, model::SequenceNumber value) {
  key_.clear();
  keys::id(key_, chat_id);
  put_number(keys::kSequences, value);
}

void CommitBatch::put_number(std::uint32_t column_family, std::uint64_t value) {
  value_.clear();
  record::append_number(value_, value);
  put(column_family, key_, value_);
}

void CommitBatch::add_deduplication(std::string_view key, const ports::Receipt& receipt,
                                    base::EpochMs expires_at) {
  assert(key.size() == kDeduplicationKeyBytes);
  value_.clear();
  record::append_deduplication(value_, receipt, expires_at);
  put(keys::kDeduplication, key, value_);
}

void CommitBatch::put_permission(const ports::Permission& permission) {
  value_.clear();
  record::append_permission(value_, permission);
  put(keys::kPermissionsByUser, by_user(permission.user, permission.target), value_);
  put(keys::kPermissionsByTarget, by_target(permission.user, permission.target), value_);
}

void CommitBatch::delete_permission(const model::UserId& user, const model::Target& target) {
  erase(keys::kPermissionsByUser, by_user(user, target));
  erase(keys::kPermissionsByTarget, by_target(user, target));
}

void CommitBatch::set_owners(const model::Target& target, std::uint64_t owners) {
  key_.clear();
  keys::target(key_, target.target_class, target.id);
  if (owners == 0) return erase(keys::kPermissionsByTarget, key_);
  put_number(keys::kPermissionsByTarget, owners);
}

const std::string& CommitBatch::by_user(const model::UserId& user, const model::Target& target) {
  key_.clear();
  keys::permission_by_user(key_, user.str(), target);
  return key_;
}

const std::string& CommitBatch::by_target(const model::UserId& user, const model::Target& target) {
  key_.clear();
  keys::target(key_, target.target_class, target.id);
  keys::id(key_, user.str());
  return key_;
}

void CommitBatch::set_cursor(std::string_view queue, model::Position position) {
  key_.clear();
  keys::tagged(key_, keys::kCursorTag, queue);
  put_number(keys::kCursors, position);
}

void CommitBatch::mark_settled(std::string_view queue, model::Position position) {
  put(keys::kCursors, queued(keys::kSettledTag, queue, position), {});
}

void CommitBatch::unmark_settled(std::string_view queue, model::Position position) {
  erase(keys::kCursors, queued(keys::kSettledTag, queue, position));
}

const std::string& CommitBatch::queued(char tag, std::string_view queue, model::Position position) {
  key_.clear();
  keys::tagged(key_, tag, queue);
  base::append_big_endian(key_, position);
  return key_;
}

const std::string& CommitBatch::letter_id(std::string_view queue, const model::MessageId& id) {
  key_.clear();
  keys::tagged(key_, keys::kLetterIdTag, queue);
  key_ += id.view();
  return key_;
}

void CommitBatch::put_dead_letter(std::string_view queue, const ports::QueuedMessage& letter) {
  const model::Message& message = *letter.message;
  value_.clear();
  record::append_dead_letter(value_, letter);
  put(keys::kDeadLetters, queued(keys::kLetterTag, queue, message.position), value_);
  letter_id(queue, message.id);
  put_number(keys::kDeadLetters, message.position);
}

void CommitBatch::delete_dead_letter(std::string_view queue, model::Position position,
                                     const model::MessageId& id) {
  erase(keys::kDeadLetters, queued(keys::kLetterTag, queue, position));
  erase(keys::kDeadLetters, letter_id(queue, id));
}

void CommitBatch::put_deliveries(std::uint64_t bucket, std::uint64_t flush, base::EpochMs now,
                                 std::span<const DeliveryEntry> entries) {
  key_.clear();
  keys::deliveries(key_, bucket);
  put_fragment(flush, now, entries);
}

void CommitBatch::put_deliveries(const model::MessageId& redriven, std::uint64_t flush, base::EpochMs now,
                                 std::span<const DeliveryEntry> entries) {
  key_.clear();
  keys::redriven_deliveries(key_, redriven);
  put_fragment(flush, now, entries);
}

void CommitBatch::put_fragment(std::uint64_t flush, base::EpochMs now,
                               std::span<const DeliveryEntry> entries) {
  base::append_big_endian(key_, flush);
  value_.clear();
  record::append_deliveries(value_, now, entries);
  put(keys::kDeliveries, key_, value_);
}

void CommitBatch::set_delivery_flush(std::uint64_t flush) {
  key_.assign(1, keys::kFlushTag);
  put_number(keys::kDeliveries, flush);
}

void CommitBatch::store_messages(std::span<const model::MessagePtr> messages) {
  sorted_.clear();
  std::deque<model::Message> put_back;
  for (const model::MessagePtr& each : messages) {
    const model::Message* message = each.get();
    if (each->redrive && each->redrive->original != 0) {
      model::Message& original = put_back.emplace_back(*each);
      original.position = each->redrive->original;
      original.redrive.reset();
      message = &original;
    }
    value_.clear();
    record::append_place(value_, *message);
    put(keys::kMessageIds, message->id.view(), value_);
    sorted_.push_back(message);
  }
  // In the order of the keys, each insert into RocksDB's skip lists starts close to where it ends.
  std::ranges::sort(sorted_, [](const model::Message* a, const model::Message* b) {
    return std::tie(a->target.target_class, a->target.id, a->position) <
           std::tie(b->target.target_class, b->target.id, b->position);
  });
  for (const model::Message* message : sorted_) store_content(*message);
}

void CommitBatch::store_content(const model::Message& message) {
  assert(message.position != 0);
  key_.clear();
  keys::target(key_, message.target.target_class, message.target.id);
  base::append_big_endian(key_, message.position);
  begin(kPut, keys::kMessages, key_.size());
  bytes_ += key_;
  varint32(bytes_, static_cast<std::uint32_t>(record::message_size(message)));
  record::append_message(bytes_, message);

  key_.clear();
  if (append_sequence_index_key(key_, message))
    put_number(keys::kSequenceIndex, static_cast<std::uint64_t>(message.published_at));
}

void CommitBatch::put_series(std::string_view key, const base::Histogram& values) {
  value_.clear();
  record::append_series(value_, values);
  put(keys::kSeries, key, value_);
}

void CommitBatch::forget_series(std::string_view first, std::string_view end) {
  erase_range(keys::kSeries, first, end);
}

void CommitBatch::trim_log(model::Position before) {
  std::string first, end;
  base::append_big_endian(first, 0);
  base::append_big_endian(end, before);
  erase_range(keys::kLog, first, end);
}

}  // namespace carillon::embedded
