#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/histogram.hpp"
#include "embedded/delivery_record.hpp"
#include "model/message.hpp"
#include "ports/message_bus.hpp"
#include "ports/permission_table.hpp"
#include "ports/queue_admin.hpp"

namespace carillon::embedded {

/// SHA-256 over topic, sender and deduplication id (or content): exactly 32 bytes.
inline constexpr std::size_t kDeduplicationKeyBytes = 32;

/// Appends the key of the message's entry in the sequence index; false when it has none (no number, or no
/// chat).
bool append_sequence_index_key(std::string& out, const model::Message& message);

/// Changes that become durable together or not at all. Built by one thread, then handed to the CommitWriter
/// (or, for history, to Store::write_unsynced). Holds RocksDB's write batch as the bytes that also go into
/// its write-ahead log, so that building one copies every field once. Layout: docs/storage-format.md.
class CommitBatch {
 public:
  CommitBatch();

  /// The message into the event log, at message.position (not 0).
  void add_message(const model::Message& message);
  /// The last number given out in the chat.
  void set_sequence(std::string_view chat_id, model::SequenceNumber value);
  /// `key` has kDeduplicationKeyBytes bytes; the entry counts until `expires_at`.
  void add_deduplication(std::string_view key, const ports::Receipt& receipt, base::EpochMs expires_at);

  /// Both directions, by user and by target.
  void put_permission(const ports::Permission& permission);
  void delete_permission(const model::UserId& user, const model::Target& target);
  /// How many of the target's entries say owner, once the batch counts.
  void set_owners(const model::Target& target, std::uint64_t owners);

  /// Everything up to `position`, it included, is settled in the queue.
  void set_cursor(std::string_view queue, model::Position position);
  /// A message ahead of the cursor that is settled (dead-lettered, purged). Unmark it once the cursor is
  /// past.
  void mark_settled(std::string_view queue, model::Position position);
  void unmark_settled(std::string_view queue, model::Position position);

  /// `queue` is the dead letter queue's name; letter.message->position orders it.
  void put_dead_letter(std::string_view queue, const ports::QueuedMessage& letter);
  void delete_dead_letter(std::string_view queue, model::Position position, const model::MessageId& id);

  /// What flush number `flush` of DeliveryResults knows of messages at the positions of a bucket (whose
  /// number is position / keys::kBucketPositions), or of a message's copies from dead letter queues. `flush`
  /// is 1 or more; writing one again replaces it.
  void put_deliveries(std::uint64_t bucket, std::uint64_t flush, base::EpochMs now,
                      std::span<const DeliveryEntry> entries);
  void put_deliveries(const model::MessageId& redriven, std::uint64_t flush, base::EpochMs now,
                      std::span<const DeliveryEntry> entries);
  /// The newest flush, so that the next one after a restart has another number.
  void set_delivery_flush(std::uint64_t flush);

  /// The messages into the message table, the sequence index and the id index. Repeating it changes nothing.
  /// Cheapest for some hundred at once. What came back from the dead letters goes where it was.
  void store_messages(std::span<const model::MessagePtr> messages);

  /// `key` is one of the family `series`.
  void put_series(std::string_view key, const base::Histogram& values);
  /// Removes the slots from the key `first` on and before the key `end`.
  void forget_series(std::string_view first, std::string_view end);

  /// Removes log records below `before`, which must not be above the last position: the newest record stays,
  /// as it tells the counters after a restart. Space comes back by Store::reclaim_log.
  void trim_log(model::Position before);

  bool empty() const { return count_ == 0; }
  /// Single changes, not calls.
  std::uint32_t size() const { return count_; }
  std::size_t bytes() const { return bytes_.size(); }
  /// Empties it and keeps the memory.
  void clear();

 private:
  friend class Store;
  /// Starts a change; `key_size` bytes of key come next.
  void begin(char tag, std::uint32_t column_family, std::size_t key_size);
  void put(std::uint32_t column_family, std::string_view key, std::string_view value);
  /// Under the key in `key_`.
  void put_number(std::uint32_t column_family, std::uint64_t value);
  void erase(std::uint32_t column_family, std::string_view key);
  void erase_range(std::uint32_t column_family, std::string_view first, std::string_view end);
  const std::string& by_user(const model::UserId& user, const model::Target& target);
  const std::string& by_target(const model::UserId& user, const model::Target& target);
  const std::string& queued(char tag, std::string_view queue, model::Position position);
  const std::string& letter_id(std::string_view queue, const model::MessageId& id);
  void store_content(const model::Message& message);
  /// Under the key in `key_`, to which the flush is added.
  void put_fragment(std::uint64_t flush, base::EpochMs now, std::span<const DeliveryEntry> entries);
  void finish();

  std::string bytes_;
  std::uint32_t count_ = 0;
  std::string key_, value_;                    ///< scratch
  std::vector<const model::Message*> sorted_;  ///< scratch
};

}  // namespace carillon::embedded
