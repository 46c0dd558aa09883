#include "embedded/store_check.hpp"

#include <limits>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "embedded/check_pass.hpp"
#include "embedded/commit_batch.hpp"
#include "embedded/database.hpp"
#include "embedded/delivery_record.hpp"
#include "embedded/parsed_keys.hpp"
#include "embedded/record.hpp"
#include "embedded/series_record.hpp"
#include "embedded/store_reading.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

using base::printable;
using base::Result;
using model::Message;
using model::Target;
using model::TargetClass;

constexpr std::size_t kCachedCounters = 100'000;
constexpr std::size_t kMostNameBytes = 256;

class Check : CheckPass {
 public:
  using CheckPass::CheckPass;

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
  void counters();
  void deduplication();
  void deliveries();
  void series();

  /// Whether the number is one that the chat's counter has given out.
  void compare_counter(keys::ColumnFamily family, const Message& message);
  bool may_be_gone(const Target& target, base::EpochMs published_at) const {
    return retention_.expired(target.target_class, target.id, published_at, clock_());
  }

  Retention retention_ = kKeepEverything;
  model::Position log_end_ = 0;
  std::unordered_map<std::string, model::SequenceNumber> counters_;
};

Result<CheckReport> Check::run() {
  files();
  meta();
  log();
  cursors();
  dead_letters();
  messages();
  sequence_index();
  message_ids();
  check_permissions(*this);
  counters();
  deduplication();
  deliveries();
  series();
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
  // Trimmed files go whatever snapshot there is; the end itself never goes back.
  if (const auto end = read_log_end(database_)) log_end_ = std::max(log_end_, end->position);
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

void Check::series() {
  walk(keys::kSeries, [&](std::string_view key, std::string_view value) {
    if (!parse_series_key(key) || !record::decode_series(value)) found(keys::kSeries, "an entry is damaged");
  });
}

}  // namespace

Result<CheckReport> check_database(const Database& database, std::function<base::EpochMs()> clock,
                                   const UpkeepProgress& progress, std::stop_token stop) {
  return Check(database, std::move(clock), progress, std::move(stop)).run();
}

}  // namespace carillon::embedded
