#include "embedded/store_check.hpp"

#include <limits>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "embedded/commit_batch.hpp"
#include "embedded/database.hpp"
#include "embedded/delivery_record.hpp"
#include "embedded/parsed_keys.hpp"
#include "embedded/record.hpp"
#include "embedded/store_reading.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

using base::printable;
using base::Result;
using model::Message;
using model::Target;
using model::TargetClass;

constexpr std::uint64_t kRecordsPerReport = 20'000;
constexpr std::size_t kCachedCounters = 100'000;
constexpr std::size_t kMostNameBytes = 256;

std::string target_text(const Target& target) {
  return printable(target.str());
}

class Check {
 public:
  Check(const Database& database, base::EpochMs now, const UpkeepProgress& progress, std::stop_token stop)
      : database_(database),
        now_(now),
        progress_(progress),
        stop_(std::move(stop)),
        snapshot_(&database.db()) {
    read_.snapshot = snapshot_.snapshot();
    read_.fill_cache = false;
  }

  Result<CheckReport> run();

 private:
  void files();
  void meta();
  void log();
  void cursors();
  void dead_letters();
  void letter(std::string_view key, std::string_view value);
  void letter_id(std::string_view key, std::string_view value);
  void messages();
  void message(const MessageKey& key, const Message& message);
  void sequence_index();
  void message_ids();
  void permissions();
  void counters();
  void deduplication();
  void deliveries();

  /// Calls `each(key, value)` for all of the family.
  template <typename Each>
  void walk(keys::ColumnFamily family, Each each);
  /// The value under the key; nothing when it is not there. What cannot be read is a finding of its own.
  std::optional<std::string> get(keys::ColumnFamily family, std::string_view key);
  /// Whether the number is one that the chat's counter has given out.
  void compare_counter(keys::ColumnFamily family, const Message& message);
  bool may_be_gone(const Target& target, base::EpochMs published_at) const {
    return retention_.expired(target.target_class, target.id, published_at, now_);
  }
  void found(keys::ColumnFamily family, std::string_view what);

  const Database& database_;
  base::EpochMs now_;
  const UpkeepProgress& progress_;
  std::stop_token stop_;
  rocksdb::ManagedSnapshot snapshot_;
  rocksdb::ReadOptions read_;
  Retention retention_ = kKeepEverything;
  model::Position log_end_ = 0;
  std::unordered_map<std::string, model::SequenceNumber> counters_;
  CheckReport report_;
};

void Check::found(keys::ColumnFamily family, std::string_view what) {
  if (report_.findings_total++ < CheckReport::kMostListed)
    report_.findings.push_back(fmt::format("{}: {}", keys::kColumnFamilyNames[family], what));
}

template <typename Each>
void Check::walk(keys::ColumnFamily family, Each each) {
  const std::unique_ptr<rocksdb::Iterator> at(database_.db().NewIterator(read_, database_.handle(family)));
  for (at->SeekToFirst(); at->Valid() && !stop_.stop_requested(); at->Next()) {
    if (++report_.records % kRecordsPerReport == 0) progress_("records", report_.records);
    each(view(at->key()), view(at->value()));
  }
  if (!at->status().ok()) found(family, "cannot be read on: " + at->status().ToString());
}

std::optional<std::string> Check::get(keys::ColumnFamily family, std::string_view key) {
  std::string value;
  const rocksdb::Status status = database_.db().Get(read_, database_.handle(family), slice(key), &value);
  if (status.ok()) return value;
  if (!status.IsNotFound()) found(family, "cannot be read: " + status.ToString());
  return std::nullopt;
}

Result<CheckReport> Check::run() {
  files();
  meta();
  log();
  cursors();
  dead_letters();
  messages();
  sequence_index();
  message_ids();
  permissions();
  counters();
  deduplication();
  deliveries();
  if (stop_.stop_requested())
    return model::fail(model::errors::kUnavailable, "the check was stopped: run it again");
  return std::move(report_);
}

void Check::files() {
  std::uint64_t bytes = 0;
  database_.check_files(std::numeric_limits<std::uint64_t>::max(),
                        [&](const Result<void>& outcome, std::uint64_t size) {
                          if (!outcome && report_.findings_total++ < CheckReport::kMostListed)
                            report_.findings.push_back(outcome.error().details());
                          progress_("files", bytes += size);
                          return !stop_.stop_requested();
                        });
}

void Check::meta() {
  bool epoch = false, secret = false;
  walk(keys::kMeta, [&](std::string_view key, std::string_view value) {
    const bool named = !value.empty() && value.size() <= kMostNameBytes;
    if (key == keys::kEpochKey) {
      epoch = named;
    } else if (key == keys::kTokenSecretKey) {
      secret = named;
    } else if (key == keys::kRetentionKey) {
      const auto retention = decode_retention(value);
      if (!retention) return found(keys::kMeta, "the retention is damaged");
      retention_ = *retention;
    } else {
      found(keys::kMeta, "an unknown key " + printable(key));
    }
  });
  if (!epoch) found(keys::kMeta, "the store's epoch is missing or damaged");
  if (!secret) found(keys::kMeta, "the token secret is missing or damaged");
}

void Check::compare_counter(keys::ColumnFamily family, const Message& message) {
  if (!message.sequence || message.client_sequence || !message.target.is_chat()) return;
  if (counters_.size() >= kCachedCounters) counters_.clear();
  const auto [at, unknown] = counters_.try_emplace(message.target.id, 0);
  if (unknown) {
    std::string key;
    keys::id(key, message.target.id);
    if (const auto value = get(keys::kSequences, key)) at->second = record::decode_number(*value).value_or(0);
  }
  if (at->second < *message.sequence)
    found(family, fmt::format("{}, position {}: the number {} is above the counter, which is at {}",
                              target_text(message.target), message.position, *message.sequence, at->second));
}

void Check::log() {
  walk(keys::kLog, [&](std::string_view key, std::string_view value) {
    const auto position = keys::last_number(key);
    if (!position) return found(keys::kLog, "a key is no position");
    const auto message = record::decode_message(value);
    log_end_ = *position;
    if (!message) return found(keys::kLog, fmt::format("position {}: the record is damaged", *position));
    if (message->position != *position)
      return found(keys::kLog,
                   fmt::format("position {}: the record is of position {}", *position, message->position));
    compare_counter(keys::kLog, *message);
  });
}

void Check::cursors() {
  walk(keys::kCursors, [&](std::string_view key, std::string_view value) {
    const char tag = key.empty() ? '\0' : key[0];
    key.remove_prefix(key.empty() ? 0 : 1);
    const auto queue = keys::take_id(key);
    const bool cursor = tag == keys::kCursorTag && key.empty();
    const auto position = cursor ? record::decode_number(value) : keys::last_number(key);
    if (!queue || (!cursor && tag != keys::kSettledTag) || (!cursor && !value.empty()) || !position)
      return found(keys::kCursors,
                   "an entry is damaged" + (queue ? ": " + printable(*queue) : std::string()));
    if (*position > log_end_)
      found(keys::kCursors, fmt::format("{} is settled up to {}, but the log ends at {}", printable(*queue),
                                        *position, log_end_));
  });
}

void Check::dead_letters() {
  walk(keys::kDeadLetters, [&](std::string_view key, std::string_view value) {
    const char tag = key.empty() ? '\0' : key[0];
    if (tag == keys::kLetterTag) return letter(key, value);
    if (tag == keys::kLetterIdTag) return letter_id(key, value);
    found(keys::kDeadLetters, "a key is of no known kind");
  });
}

void Check::letter(std::string_view key, std::string_view value) {
  std::string_view rest = key.substr(1);
  const auto queue = keys::take_id(rest);
  const auto position = keys::last_number(rest);
  if (!queue || !position) return found(keys::kDeadLetters, "a key of a dead letter is damaged");
  const std::string where = fmt::format("{}, position {}", printable(*queue), *position);
  const auto letter = record::decode_dead_letter(value);
  if (!letter) return found(keys::kDeadLetters, where + ": the record is damaged");
  if (letter->message->position != *position)
    return found(keys::kDeadLetters, where + ": the record is of another position");
  std::string by_id;
  keys::tagged(by_id, keys::kLetterIdTag, *queue);
  by_id += letter->message->id.view();
  if (!get(keys::kDeadLetters, by_id))
    found(keys::kDeadLetters,
          fmt::format("{}: no entry for its message id {}", where, letter->message->id.str()));
}

void Check::letter_id(std::string_view key, std::string_view value) {
  std::string_view rest = key.substr(1);
  const auto queue = keys::take_id(rest);
  const auto position = record::decode_number(value);
  if (!queue || rest.size() != base::MessageId::kBytes || !position)
    return found(keys::kDeadLetters, "an entry of a message id is damaged");
  std::string by_position;
  keys::tagged(by_position, keys::kLetterTag, *queue);
  base::append_big_endian(by_position, *position);
  const auto letter = get(keys::kDeadLetters, by_position);
  const auto decoded = letter ? record::decode_dead_letter(*letter) : std::nullopt;
  // A letter that is there and damaged is a finding of its own.
  if (!letter || (decoded && decoded->message->id.view() != rest))
    found(keys::kDeadLetters,
          fmt::format("{}: the entry of a message id leads to position {}, where its letter is not",
                      printable(*queue), *position));
}

void Check::messages() {
  walk(keys::kMessages, [&](std::string_view bytes, std::string_view value) {
    const auto key = parse_message_key(bytes);
    if (!key) return found(keys::kMessages, "a key is damaged");
    const auto decoded = record::decode_message(value);
    const auto where = [&] {
      return fmt::format("{}, position {}", target_text(key->target), key->position);
    };
    if (!decoded) return found(keys::kMessages, where() + ": the record is damaged");
    if (decoded->target != key->target || decoded->position != key->position)
      return found(keys::kMessages, where() + ": the record is of another place");
    message(*key, *decoded);
  });
}

void Check::message(const MessageKey& key, const Message& message) {
  compare_counter(keys::kMessages, message);
  const bool tolerant = may_be_gone(key.target, message.published_at);
  const auto where = [&] {
    return fmt::format("{}, position {}, message {}", target_text(key.target), key.position,
                       message.id.str());
  };
  std::string index;
  if (append_sequence_index_key(index, message)) {
    const auto entry = get(keys::kSequenceIndex, index);
    if (!entry && !tolerant)
      found(keys::kMessages,
            fmt::format("{}: no entry in sequence_index for number {}", where(), *message.sequence));
    else if (entry && record::decode_number(*entry) != static_cast<std::uint64_t>(message.published_at))
      found(keys::kMessages, where() + ": sequence_index has another time of publication");
  }
  const auto entry = get(keys::kMessageIds, message.id.view());
  if (!entry) {
    if (!tolerant) found(keys::kMessages, where() + ": no entry in message_ids");
    return;
  }
  const auto place = record::decode_place(*entry);
  if (place && (place->target != key.target || place->position != key.position ||
                place->published_at != message.published_at))
    found(keys::kMessages, where() + ": message_ids leads to another place");
}

void Check::sequence_index() {
  walk(keys::kSequenceIndex, [&](std::string_view bytes, std::string_view value) {
    const auto key = parse_index_key(bytes);
    const auto published_at = record::decode_number(value);
    if (!key || !published_at) return found(keys::kSequenceIndex, "an entry is damaged");
    const Target chat = Target::chat(std::string(key->chat));
    const auto record = get(keys::kMessages, message_key(chat, key->position));
    const auto where = [&] {
      return fmt::format("{}, number {}, position {}", target_text(chat), key->number, key->position);
    };
    if (!record) {
      if (!may_be_gone(chat, static_cast<base::EpochMs>(*published_at)))
        found(keys::kSequenceIndex, where() + ": its message is missing");
      return;
    }
    const auto message = record::decode_message(*record);
    std::string expected;
    if (message && (!append_sequence_index_key(expected, *message) || expected != bytes))
      found(keys::kSequenceIndex, where() + ": its message has another number");
  });
}

void Check::message_ids() {
  walk(keys::kMessageIds, [&](std::string_view id, std::string_view value) {
    const auto place = record::decode_place(value);
    if (id.size() != base::MessageId::kBytes || !place)
      return found(keys::kMessageIds, "an entry is damaged");
    const auto record = get(keys::kMessages, message_key(place->target, place->position));
    const auto where = [&] {
      return fmt::format("{}, position {}", target_text(place->target), place->position);
    };
    if (!record) {
      if (!may_be_gone(place->target, place->published_at))
        found(keys::kMessageIds, where() + ": its message is missing");
      return;
    }
    if (const auto message = record::decode_message(*record); message && message->id.view() != id)
      found(keys::kMessageIds, where() + ": another message is there");
  });
}

void Check::permissions() {
  const auto compare = [&](keys::ColumnFamily family, keys::ColumnFamily other, std::string_view user,
                           const Target& target, std::string_view partner, std::string_view value) {
    const auto where = [&] { return fmt::format("{} in {}", printable(user), target_text(target)); };
    ports::Permission permission;
    if (!record::decode_permission(value, permission))
      return found(family, where() + ": the record is damaged");
    const auto twin = get(other, partner);
    if (!twin)
      found(family, fmt::format("{}: no entry in {}", where(), keys::kColumnFamilyNames[other]));
    else if (*twin != value)
      found(family, fmt::format("{}: {} says something else", where(), keys::kColumnFamilyNames[other]));
  };
  walk(keys::kPermissionsByUser, [&](std::string_view key, std::string_view value) {
    const auto user = keys::take_id(key);
    const auto id = user ? keys::take_id(key) : std::nullopt;
    if (!id || key.size() != 1 || !known_class(key[0]))
      return found(keys::kPermissionsByUser, "a key is damaged");
    const Target target{static_cast<TargetClass>(key[0]), std::string(*id)};
    std::string partner;
    keys::target(partner, target.target_class, target.id);
    keys::id(partner, *user);
    compare(keys::kPermissionsByUser, keys::kPermissionsByTarget, *user, target, partner, value);
  });
  walk(keys::kPermissionsByTarget, [&](std::string_view key, std::string_view value) {
    const char target_class = key.empty() ? '\0' : key[0];
    key.remove_prefix(key.empty() ? 0 : 1);
    const auto id = keys::take_id(key);
    const auto user = id ? keys::take_id(key) : std::nullopt;
    if (!user || !key.empty() || !known_class(target_class))
      return found(keys::kPermissionsByTarget, "a key is damaged");
    const Target target{static_cast<TargetClass>(target_class), std::string(*id)};
    std::string partner;
    keys::permission_by_user(partner, *user, target);
    compare(keys::kPermissionsByTarget, keys::kPermissionsByUser, *user, target, partner, value);
  });
}

void Check::counters() {
  walk(keys::kSequences, [&](std::string_view key, std::string_view value) {
    const auto chat = keys::take_id(key);
    if (!chat || !key.empty()) return found(keys::kSequences, "a key is damaged");
    if (!record::decode_number(value)) found(keys::kSequences, printable(*chat) + ": the counter is damaged");
  });
}

void Check::deduplication() {
  walk(keys::kDeduplication, [&](std::string_view key, std::string_view value) {
    if (key.size() != kDeduplicationKeyBytes || !record::decode_deduplication(value))
      found(keys::kDeduplication, "an entry is damaged");
  });
}

void Check::deliveries() {
  walk(keys::kDeliveries, [&](std::string_view key, std::string_view value) {
    if (!record::sound_deliveries(key, value)) found(keys::kDeliveries, "an entry is damaged");
  });
}

}  // namespace

Result<CheckReport> check_database(const Database& database, base::EpochMs now,
                                   const UpkeepProgress& progress, std::stop_token stop) {
  return Check(database, now, progress, std::move(stop)).run();
}

}  // namespace carillon::embedded
