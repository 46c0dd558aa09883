#include <algorithm>
#include <utility>

#include "base/bytes.hpp"
#include "embedded/sequence_index.hpp"
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

/// Dead letters of MessageStorageQueue that one answer looks at; with more of them nothing is given up.
constexpr std::size_t kMaxLetters = 1000;
constexpr std::size_t kMaxLetterBytes = 8u << 20;
/// And how much of the log that is not stored yet; with more of it nothing is given up either.
constexpr std::size_t kMaxUnstored = 5000;
constexpr std::size_t kMaxUnstoredBytes = 8u << 20;

/// One answer to Store::sequences.
class SequenceRead {
 public:
  SequenceRead(const Database& database, std::string_view chat_id, std::span<const NumberRange> numbers,
               SequenceNumber issued_before, EpochMs oldest_kept, SequenceLimits limits)
      : database_(database),
        chat_(model::Target::chat(std::string(chat_id))),
        numbers_(numbers),
        issued_before_(issued_before),
        limits_(limits),
        oldest_kept_(oldest_kept),
        own_index_(database, chat_id, keys::kServerNumber, oldest_kept),
        publishers_index_(database, chat_id, keys::kClientNumber, oldest_kept) {
    keys::target(prefix_, chat_.target_class, chat_.id);
    end_ = keys::after(prefix_);
    lower_ = slice(prefix_);
    upper_ = slice(end_);
    for (const NumberRange& range : numbers)
      bytes_ += ports::kMissingNumberBytes * (range.last - range.first + 1);
  }

  Result<void> find_messages() {
    find_own();
    if (const auto sound = own_index_.sound(); !sound) return sound;
    find_publishers();
    if (const auto sound = publishers_index_.sound(); !sound) return sound;
    return fetch();
  }

  /// `counter` is the chat's, as read after find_messages().
  Result<SequencePage> answer(SequenceNumber counter) {
    SequencePage page;
    std::vector<SequenceNumber> doubtful;
    auto next = found_.begin();
    for_each_number([&](SequenceNumber number) {
      const Group group = take_group(next, number);
      const bool issued = number <= counter;
      const bool left_out = !group.empty() && !group.front().message;
      const bool complete = !left_out && !group.empty() && (!issued || group.front().own);
      if (complete) return;
      page.missing.push_back({number, issued || left_out ? Absence::pending : Absence::not_issued});
      if (issued && !left_out && number <= issued_before_) doubtful.push_back(number);
    });
    if (const auto judged = give_up(doubtful, page.missing); !judged) return std::unexpected(judged.error());
    page.messages.reserve(count_);
    for (Found& each : found_)
      if (each.message) page.messages.push_back(std::move(each.message));
    return page;
  }

 private:
  struct Found {
    SequenceNumber number = 0;
    Position position = 0;  ///< 0: compaction removed it meanwhile
    bool own = false;       ///< the chat's own number
    bool more = false;      ///< of this number, that is not looked at
    MessagePtr message;     ///< null: not in this answer
  };
  using Group = std::span<Found>;  ///< what there is of one number

  template <typename Each>
  void for_each_number(Each each) const {
    for (const NumberRange& range : numbers_)
      for (SequenceNumber number = range.first; number <= range.last; ++number) each(number);
  }

  void find_own() {
    for (const NumberRange& range : numbers_)
      for (auto entry = own_index_.find(range.first); entry && entry->number <= range.last;
           entry = own_index_.next())
        if (own_index_.kept(*entry) && (found_.empty() || found_.back().number != entry->number))
          found_.push_back({.number = entry->number, .position = entry->position, .own = true});
  }

  /// All of each number as long as they may fit; beyond that it is known that there is more.
  void find_publishers() {
    const std::vector<Found> own = std::exchange(found_, {});
    auto next_own = own.begin();
    std::size_t owned = 0, ownerless = 0;  // as fetch() reads them
    bool has_owner = false;
    for (const NumberRange& range : numbers_)
      for (auto entry = publishers_index_.find(range.first); entry && entry->number <= range.last;) {
        if (!publishers_index_.kept(*entry)) {
          entry = publishers_index_.skip_expired(*entry);
          continue;
        }
        for (; next_own != own.end() && next_own->number <= entry->number; ++owned)
          found_.push_back(*next_own++);
        const bool known = !found_.empty() && found_.back().number == entry->number;
        if (!known || found_.back().own) has_owner = known || entry->number > issued_before_;
        std::size_t& held = has_owner ? owned : ownerless;
        const bool room = held <= limits_.messages;
        if (room || !known) {
          found_.push_back({.number = entry->number, .position = entry->position});
          ++held;
        }
        found_.back().more = !room;
        entry = room ? publishers_index_.next() : publishers_index_.find(entry->number + 1);
      }
    found_.insert(found_.end(), next_own, own.end());
  }

  /// What is found of `number`, which is not below that of `next`; `next` moves behind it.
  Group take_group(std::vector<Found>::iterator& next, SequenceNumber number) {
    const auto first = next;
    while (next != found_.end() && next->number == number) ++next;
    return {first, next};
  }

  /// Reads number by number, as long as there is room. Numbers whose own message is missing come last: they
  /// are asked for again, whatever of them is in the answer, and must keep nothing else out of it.
  Result<void> fetch() {
    if (found_.empty()) return {};
    const auto at = database_.iterate(keys::kMessages, &lower_, &upper_);
    for (const bool ownerless : {false, true})
      for (auto next = found_.begin(); next != found_.end() && !full_;) {
        const Group group = take_group(next, next->number);
        if ((!group.front().own && group.front().number <= issued_before_) != ownerless) continue;
        if (const auto fetched = fetch(*at, group); !fetched) return fetched;
      }
    std::erase_if(found_, [](const Found& each) { return each.position == 0; });
    return {};
  }

  /// All of a number or nothing; but of the first in the answer, as much as fits.
  Result<void> fetch(rocksdb::Iterator& at, Group group) {
    const std::size_t before = count_;
    for (Found& each : group) {
      full_ = count_ >= limits_.messages;
      if (!full_)
        if (const auto fetched = fetch(at, each); !fetched) return fetched;
      if (full_) break;
    }
    full_ = full_ || group.back().more;
    if (!full_ || before == 0) return {};
    for (Found& each : group) each.message = nullptr;
    count_ = before;
    return {};
  }

  Result<void> fetch(rocksdb::Iterator& at, Found& found) {
    key_.assign(prefix_);
    base::append_big_endian(key_, found.position);
    move_to(at, key_);
    if (!at.status().ok()) return read_failed(database_, at.status());
    if (!at.Valid() || view(at.key()) != key_) {
      found.position = 0;
      return {};
    }
    auto message = record::decode_message(view(at.value()));
    if (!message || message->position != found.position || message->target != chat_ ||
        message->sequence != found.number)
      return record_damaged(database_, keys::kMessages);
    bytes_ += model::event_size_at_most(*message);
    full_ = count_ > 0 && bytes_ > limits_.max_bytes;
    if (full_) return {};
    found.message = std::make_shared<const model::Message>(std::move(*message));
    ++count_;
    return {};
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
    std::size_t seen = 0, bytes = 0;
    bool damaged = false, too_many = false;
    const rocksdb::Status status = scan(database_, keys::kDeadLetters, prefix, {}, [&](auto, auto value) {
      bytes += value.size();
      too_many = ++seen > kMaxLetters || bytes > kMaxLetterBytes;
      if (too_many) return false;
      const auto letter = record::decode_dead_letter(value);
      damaged = !letter;
      if (damaged) return false;
      const model::Message& message = *letter->message;
      if (message.target == chat_ && message.sequence && !message.client_sequence)
        found.push_back(*message.sequence);
      return true;
    });
    if (damaged) return record_damaged(database_, keys::kDeadLetters);
    if (!status.ok()) return read_failed(database_, status);
    if (too_many) return std::nullopt;
    return found;
  }

  const Database& database_;
  const model::Target chat_;
  const std::span<const NumberRange> numbers_;
  const SequenceNumber issued_before_;
  const SequenceLimits limits_;
  const EpochMs oldest_kept_;
  SequenceIndex own_index_, publishers_index_;
  std::vector<Found> found_;  ///< ascending by number, the chat's own first, then by position
  std::string prefix_, end_, key_;
  rocksdb::Slice lower_, upper_;
  std::size_t count_ = 0;                       ///< of the messages that found_ holds
  std::size_t bytes_ = ports::kPageFrameBytes;  ///< of the answer
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
  SequenceRead read(*reading, chat_id, numbers, issued_before, kept, limits);
  if (const auto found = read.find_messages(); !found) return std::unexpected(found.error());
  const auto counter = read_sequence(*reading, chat_id);
  if (!counter) return std::unexpected(counter.error());
  return read.answer(*counter);
}

}  // namespace carillon::embedded
