#include <algorithm>
#include <limits>
#include <tuple>

#include "base/bytes.hpp"
#include "embedded/store_reading.hpp"
#include "message_storage/message_storage.hpp"

namespace carillon::embedded {

using base::EpochMs;
using base::Result;
using model::MessagePtr;
using model::Position;
using model::SequenceNumber;
using ports::Absence;
using ports::NumberRange;
using ports::SequencePage;

namespace {

namespace errors = model::errors;

constexpr Position kLastPosition = std::numeric_limits<Position>::max();
constexpr std::size_t kNumberAndPosition = 16;
/// Steps to a key that mostly lies close by, before it is searched.
constexpr int kSteps = 6;
/// Dead letters of MessageStorageQueue that one answer looks at; with more of them nothing is given up.
constexpr std::size_t kMaxLetters = 1000;
/// And how much of the log that is not stored yet; with more of it nothing is given up either.
constexpr std::size_t kMaxUnstored = 5000;
constexpr std::size_t kMaxUnstoredBytes = 8u << 20;

/// To the first key at or behind `key`.
void move_to(rocksdb::Iterator& at, const rocksdb::Slice& key) {
  if (at.Valid() && at.key().compare(key) <= 0)
    for (int i = 0; i < kSteps && at.Valid(); ++i) {
      if (at.key().compare(key) >= 0) return;
      at.Next();
    }
  at.Seek(key);
}

/// The part of the sequence index that belongs to one chat and one source of numbers.
class SequenceIndex {
 public:
  struct Entry {
    SequenceNumber number = 0;
    Position position = 0;
    EpochMs published_at = 0;
  };

  SequenceIndex(const Database& database, std::string_view chat_id, char source, EpochMs oldest_kept)
      : database_(database), oldest_kept_(oldest_kept) {
    keys::sequence_index(prefix_, chat_id, source);
    end_ = keys::after(prefix_);
    lower_ = slice(prefix_);
    upper_ = slice(end_);
    at_ = database.iterate(keys::kSequenceIndex, &lower_, &upper_);
  }

  /// Moves to the first entry that is kept from `number` on, `position` on; nothing when there is none.
  std::optional<Entry> find(SequenceNumber number, Position position = 0) {
    move_to(*at_, key(number, position));
    return current();
  }
  std::optional<Entry> next() {
    at_->Next();
    return current();
  }
  /// For an entry that is not kept: the first of the same number that is, or what comes behind the number.
  std::optional<Entry> skip_expired(Entry expired) {
    const SequenceNumber number = expired.number;
    // Times rise with positions, and there may be any number between.
    Position low = expired.position + 1, high = kLastPosition;
    at_->SeekForPrev(key(number, kLastPosition));
    const auto last = current();
    if (!last || last->number != number || !kept(*last)) return seek(number, kLastPosition);
    high = last->position;
    while (low < high) {
      const Position middle = low + (high - low) / 2;
      const auto found = seek(number, middle);
      if (found && found->number == number && !kept(*found))
        low = found->position + 1;
      else
        high = middle;
    }
    return seek(number, low);
  }
  bool kept(const Entry& entry) const { return entry.published_at >= oldest_kept_; }

  /// Whether anything below `number` is kept: the one next below is, if any is.
  bool keeps_below(SequenceNumber number) {
    if (number == 0) return false;
    at_->SeekForPrev(key(number - 1, kLastPosition));
    const auto entry = current();
    return entry && kept(*entry);
  }

  Result<void> sound() const {
    if (damaged_) return record_damaged(database_, keys::kSequenceIndex);
    if (!at_->status().ok()) return read_failed(database_, at_->status());
    return {};
  }

 private:
  std::optional<Entry> seek(SequenceNumber number, Position position) {
    at_->Seek(key(number, position));
    return current();
  }
  std::optional<Entry> current() {
    if (!at_->Valid()) return std::nullopt;
    const std::string_view rest = view(at_->key()).substr(prefix_.size());
    const auto time = record::decode_number(view(at_->value()));
    damaged_ = damaged_ || rest.size() != kNumberAndPosition || !time;
    if (damaged_) return std::nullopt;
    return Entry{base::read_big_endian(rest.data()), base::read_big_endian(rest.data() + 8),
                 static_cast<EpochMs>(*time)};
  }
  const std::string& key(SequenceNumber number, Position position) {
    key_.assign(prefix_);
    base::append_big_endian(key_, number);
    base::append_big_endian(key_, position);
    return key_;
  }

  const Database& database_;
  const EpochMs oldest_kept_;
  std::string prefix_, end_, key_;
  rocksdb::Slice lower_, upper_;
  std::unique_ptr<rocksdb::Iterator> at_;
  bool damaged_ = false;
};

/// One answer to Store::sequences.
class SequenceRead {
 public:
  SequenceRead(const Database& database, std::string_view chat_id, std::span<const NumberRange> numbers,
               EpochMs oldest_kept, SequenceLimits limits)
      : database_(database),
        chat_(model::Target::chat(std::string(chat_id))),
        numbers_(numbers),
        limits_(limits),
        oldest_kept_(oldest_kept),
        own_index_(database, chat_id, keys::kServerNumber, oldest_kept),
        publishers_index_(database, chat_id, keys::kClientNumber, oldest_kept) {
    keys::target(prefix_, chat_.target_class, chat_.id);
    end_ = keys::after(prefix_);
    lower_ = slice(prefix_);
    upper_ = slice(end_);
  }

  Result<void> find_messages() {
    find_own();
    if (const auto sound = own_index_.sound(); !sound) return sound;
    if (const auto fetched = fetch(own_); !fetched) return fetched;
    find_publishers();
    if (const auto sound = publishers_index_.sound(); !sound) return sound;
    return fetch(publishers_);
  }

  /// `counter` is the chat's, as read after find_messages().
  Result<SequencePage> answer(SequenceNumber counter, SequenceNumber issued_before) {
    SequencePage page;
    std::vector<SequenceNumber> doubtful;
    for_each_number([&](SequenceNumber number) {
      const Found* own = find(own_, number);
      const Found* publishers = find(publishers_, number);
      const bool issued = number <= counter;
      if (own && own->message) return;
      if (!issued && publishers && publishers->message) return;
      if (!issued)
        page.missing.push_back({number, publishers ? Absence::pending : Absence::not_issued});
      else
        page.missing.push_back({number, Absence::pending});
      if (issued && !own && number <= issued_before) doubtful.push_back(number);
    });
    if (const auto judged = give_up(doubtful, page.missing); !judged) return std::unexpected(judged.error());
    page.messages = merged();
    return page;
  }

 private:
  struct Found {
    SequenceNumber number = 0;
    Position position = 0;
    MessagePtr message;  ///< null: it did not fit
  };

  template <typename Each>
  void for_each_number(Each each) const {
    for (const NumberRange& range : numbers_)
      for (SequenceNumber number = range.first; number <= range.last; ++number) each(number);
  }

  void find_own() {
    for (const NumberRange& range : numbers_)
      for (auto entry = own_index_.find(range.first); entry && entry->number <= range.last;
           entry = own_index_.next())
        if (own_index_.kept(*entry) && (own_.empty() || own_.back().number != entry->number))
          own_.push_back({entry->number, entry->position, nullptr});
  }

  /// As many as there is room for; beyond that one entry of each number says that there is something.
  void find_publishers() {
    const std::size_t room = limits_.messages - std::min(limits_.messages, own_.size());
    for (const NumberRange& range : numbers_)
      for (auto entry = publishers_index_.find(range.first); entry && entry->number <= range.last;) {
        if (!publishers_index_.kept(*entry)) {
          entry = publishers_index_.skip_expired(*entry);
          continue;
        }
        const bool first = publishers_.empty() || publishers_.back().number != entry->number;
        if (first || publishers_.size() < room)
          publishers_.push_back({entry->number, entry->position, nullptr});
        entry =
            publishers_.size() < room ? publishers_index_.next() : publishers_index_.find(entry->number + 1);
      }
  }

  /// Reads the messages of `found` from the first on, as long as there is room. What compaction removed
  /// meanwhile is taken off.
  Result<void> fetch(std::vector<Found>& found) {
    if (found.empty()) return {};
    const auto at = database_.iterate(keys::kMessages, &lower_, &upper_);
    for (Found& each : found) {
      if (full_ || count_ >= limits_.messages) break;
      key_.assign(prefix_);
      base::append_big_endian(key_, each.position);
      move_to(*at, key_);
      if (!at->status().ok()) return read_failed(database_, at->status());
      if (!at->Valid() || view(at->key()) != key_) {
        each.position = 0;
        continue;
      }
      bytes_ += at->value().size();
      full_ = count_ > 0 && bytes_ > limits_.max_bytes;
      if (full_) break;
      auto message = record::decode_message(view(at->value()));
      if (!message || message->position != each.position || message->target != chat_ ||
          message->sequence != each.number)
        return record_damaged(database_, keys::kMessages);
      each.message = std::make_shared<const model::Message>(std::move(*message));
      ++count_;
    }
    std::erase_if(found, [](const Found& each) { return each.position == 0; });
    return {};
  }

  /// The first one of a number, as they are read from the first on.
  static const Found* find(const std::vector<Found>& found, SequenceNumber number) {
    const auto at = std::ranges::lower_bound(found, number, {}, &Found::number);
    return at == found.end() || at->number != number ? nullptr : &*at;
  }

  /// Says `expired` of those numbers for which that is proven. `numbers` ascend and are in `missing`.
  Result<void> give_up(const std::vector<SequenceNumber>& numbers,
                       std::vector<ports::MissingNumber>& missing) {
    const auto end = std::ranges::partition_point(
        numbers, [&](SequenceNumber number) { return !own_index_.keeps_below(number); });
    if (const auto sound = own_index_.sound(); !sound) return sound;
    if (end == numbers.begin()) return {};
    // What an operator moves out of the dead letters meanwhile goes to the log and then to the table: whoever
    // looks in this order meets it.
    const auto letters = dead_letters();
    if (!letters) return std::unexpected(letters.error());
    const auto redriven = not_stored_again();
    if (!redriven) return std::unexpected(redriven.error());
    if (!*letters || !*redriven) return {};
    SequenceIndex index(database_, chat_.id, keys::kServerNumber, oldest_kept_);
    for (auto number = numbers.begin(); number != end; ++number) {
      if (std::ranges::find(**letters, *number) != (*letters)->end()) continue;
      if (std::ranges::find(**redriven, *number) != (*redriven)->end()) continue;
      const auto stored = index.find(*number);
      if (stored && stored->number == *number && index.kept(*stored)) continue;
      std::ranges::lower_bound(missing, *number, {}, &ports::MissingNumber::number)->reason =
          Absence::expired;
    }
    return index.sound();
  }

  /// The chat's own numbers whose messages are on their way from the dead letters into the table; nothing
  /// when storage is too far behind to look through it.
  Result<std::optional<std::vector<SequenceNumber>>> not_stored_again() const {
    const auto end = read_log_end(database_);
    if (!end) return std::unexpected(end.error());
    const auto cursors = read_cursors(database_);
    if (!cursors) return std::unexpected(cursors.error());
    const auto cursor = std::ranges::find(*cursors, message_storage::kQueue, &QueueCursor::queue);
    const Position from = cursor == cursors->end() ? 1 : cursor->position + 1;
    const auto log = read_log_records(database_, from, kMaxUnstored, kMaxUnstoredBytes);
    if (!log) return std::unexpected(log.error());
    const Position seen = log->empty() ? from - 1 : log->back()->position;
    if (seen < end->position) return std::nullopt;
    std::vector<SequenceNumber> found;
    for (const MessagePtr& each : *log)
      if (each->redrive && each->target == chat_ && each->sequence && !each->client_sequence)
        found.push_back(*each->sequence);
    return found;
  }

  /// The chat's own numbers whose messages could not be stored; nothing when there are too many to look at.
  Result<std::optional<std::vector<SequenceNumber>>> dead_letters() const {
    std::string prefix;
    keys::tagged(prefix, keys::kLetterTag, message_storage::kDeadLetterQueue);
    std::vector<SequenceNumber> found;
    std::size_t seen = 0;
    bool damaged = false;
    const rocksdb::Status status = scan(database_, keys::kDeadLetters, prefix, {}, [&](auto, auto value) {
      const auto letter = ++seen > kMaxLetters ? std::nullopt : record::decode_dead_letter(value);
      damaged = seen <= kMaxLetters && !letter;
      if (!letter) return false;
      const model::Message& message = *letter->message;
      if (message.target == chat_ && message.sequence && !message.client_sequence)
        found.push_back(*message.sequence);
      return true;
    });
    if (damaged) return record_damaged(database_, keys::kDeadLetters);
    if (!status.ok()) return read_failed(database_, status);
    if (seen > kMaxLetters) return std::nullopt;
    return found;
  }

  std::vector<MessagePtr> merged() const {
    std::vector<MessagePtr> messages;
    messages.reserve(count_);
    for (const auto* found : {&own_, &publishers_})
      for (const Found& each : *found)
        if (each.message) messages.push_back(each.message);
    std::ranges::sort(messages, {}, [](const MessagePtr& each) {
      return std::tuple(*each->sequence, each->client_sequence, each->position);
    });
    return messages;
  }

  const Database& database_;
  const model::Target chat_;
  const std::span<const NumberRange> numbers_;
  const SequenceLimits limits_;
  const EpochMs oldest_kept_;
  SequenceIndex own_index_, publishers_index_;
  std::vector<Found> own_, publishers_;  ///< ascending by number, then by position
  std::string prefix_, end_, key_;
  rocksdb::Slice lower_, upper_;
  std::size_t count_ = 0, bytes_ = 0;
  bool full_ = false;
};

bool acceptable(std::span<const NumberRange> numbers) {
  std::uint64_t count = 0;
  for (const NumberRange& range : numbers) {
    if (range.first > range.last || range.last > model::kMaxSequenceNumber) return false;
    count += range.last - range.first + 1;
    if (count > kMaxSequenceNumbers) return false;
  }
  return true;
}

}  // namespace

Result<SequencePage> Store::sequences(std::string_view chat_id, std::span<const NumberRange> numbers,
                                      SequenceNumber issued_before, SequenceLimits limits) const {
  if (!acceptable(numbers))
    return model::fail(errors::kInvalidParameter,
                       "no range, or more sequence numbers than one answer tells of");
  const Reading reading(*this);
  if (!reading) return store_closed();
  const EpochMs kept =
      oldest_kept(*retention_->get(), model::Target::chat(std::string(chat_id)), options_.clock());
  SequenceRead read(*reading, chat_id, numbers, kept, limits);
  if (const auto found = read.find_messages(); !found) return std::unexpected(found.error());
  const auto counter = read_sequence(*reading, chat_id);
  if (!counter) return std::unexpected(counter.error());
  return read.answer(*counter, issued_before);
}

}  // namespace carillon::embedded
