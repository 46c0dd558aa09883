#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "model/target.hpp"

/// Where everything lies: column families and their keys (docs/storage-format.md). Numbers are big-endian, so
/// that keys sort by them; ids hold no control characters and end in a zero byte, so that none is the
/// beginning of another.
namespace carillon::embedded::keys {

/// RocksDB's numbers of the column families, part of the format: CommitBatch writes them.
enum ColumnFamily : std::uint32_t {
  kMeta = 0,
  kLog = 1,
  kCursors = 2,
  kDeadLetters = 3,
  kMessages = 4,
  kSequenceIndex = 5,
  kMessageIds = 6,
  kPermissionsByUser = 7,
  kPermissionsByTarget = 8,
  kSequences = 9,
  kDeduplication = 10,
  kDeliveries = 11,  ///< since format 2
  kSeries = 12,      ///< since format 3
};
inline constexpr std::array<std::string_view, 13> kColumnFamilyNames{"default",
                                                                     "log",
                                                                     "cursors",
                                                                     "dead_letters",
                                                                     "messages",
                                                                     "sequence_index",
                                                                     "message_ids",
                                                                     "permissions_by_user",
                                                                     "permissions_by_target",
                                                                     "sequences",
                                                                     "deduplication",
                                                                     "deliveries",
                                                                     "series"};

inline constexpr std::string_view kEpochKey = "epoch";
inline constexpr std::string_view kTokenSecretKey = "token_secret";  ///< since format 2
/// For every target the shortest retention that was ever in force: what may be gone; since format 2.
inline constexpr std::string_view kRetentionKey = "retention";

// First byte of keys where one column family holds two kinds.
inline constexpr char kCursorTag = 'c';
inline constexpr char kSettledTag = 's';
inline constexpr char kLetterTag = 'l';
inline constexpr char kLetterIdTag = 'i';
inline constexpr char kBucketTag = 'b';
inline constexpr char kRedrivenTag = 'r';
inline constexpr char kFlushTag = 'f';

/// What became of messages lies together for this many positions.
inline constexpr std::uint64_t kBucketPositions = 1024;

/// Whose number it is: the chat's own numbers lie together, in front of those that publishers gave.
inline constexpr char kServerNumber = 1;
inline constexpr char kClientNumber = 2;

inline void id(std::string& out, std::string_view id) {
  assert(id.find('\0') == std::string_view::npos);
  out += id;
  out += '\0';
}
inline void target(std::string& out, model::TargetClass target_class, std::string_view target_id) {
  out += static_cast<char>(target_class);
  id(out, target_id);
}
/// In permissions_by_target the user's id follows target(); the key that ends there has the number of owners.
/// By user the target's id stands before its class: lists go by id.
inline void permission_by_user(std::string& out, std::string_view user, const model::Target& target) {
  id(out, user);
  id(out, target.id);
  out += static_cast<char>(target.target_class);
}
/// Where the sequence index of a chat begins for one source; number and position follow.
inline void sequence_index(std::string& out, std::string_view chat_id, char source) {
  id(out, chat_id);
  out += source;
}
/// Where the deliveries of a bucket of positions begin, and those of a redriven message: the number of the
/// flush follows.
inline void deliveries(std::string& out, std::uint64_t bucket) {
  out += kBucketTag;
  base::append_big_endian(out, bucket);
}
inline void redriven_deliveries(std::string& out, const base::MessageId& id) {
  out += kRedrivenTag;
  out += id.view();
}
/// Where a metric's series of one resolution begins: the start of the slot follows.
inline void series(std::string& out, char resolution, std::string_view metric) {
  out += resolution;
  id(out, metric);
}
inline void tagged(std::string& out, char tag, std::string_view queue) {
  out += tag;
  id(out, queue);
}

/// The id at the start of `key`, taken off with its zero byte; nothing when there is no end.
inline std::optional<std::string_view> take_id(std::string_view& key) {
  const std::size_t end = key.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view found = key.substr(0, end);
  key.remove_prefix(end + 1);
  return found;
}
/// The number that is all of `key`.
inline std::optional<std::uint64_t> last_number(std::string_view key) {
  if (key.size() != 8) return std::nullopt;
  return base::read_big_endian(&key.front());
}

/// The first key after all that begin with `prefix`, whose last byte is below 0xff: a class, or an id's zero.
inline std::string after(std::string_view prefix) {
  std::string out(prefix);
  ++out.back();
  return out;
}

}  // namespace carillon::embedded::keys
