#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "embedded/store_reading.hpp"

/// For Store::sequences alone.
namespace carillon::embedded {

/// To the first key at or behind `key`.
inline void move_to(rocksdb::Iterator& at, const rocksdb::Slice& key) {
  constexpr int kSteps = 6;  // to a key that mostly lies close by, before it is searched
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
    model::SequenceNumber number = 0;
    model::Position position = 0;
    base::EpochMs published_at = 0;
  };

  SequenceIndex(const Database& database, std::string_view chat_id, char source, base::EpochMs oldest_kept)
      : database_(database), oldest_kept_(oldest_kept) {
    keys::sequence_index(prefix_, chat_id, source);
    end_ = keys::after(prefix_);
    lower_ = slice(prefix_);
    upper_ = slice(end_);
    at_ = database.iterate(keys::kSequenceIndex, &lower_, &upper_);
  }

  /// Moves to the first entry that is kept from `number` on, `position` on; nothing when there is none.
  std::optional<Entry> find(model::SequenceNumber number, model::Position position = 0) {
    move_to(*at_, key(number, position));
    return current();
  }
  std::optional<Entry> next() {
    at_->Next();
    return current();
  }
  /// For an entry that is not kept: the first of the same number that is, or what comes behind the number.
  std::optional<Entry> skip_expired(Entry expired) {
    const model::SequenceNumber number = expired.number;
    // Times rise with positions, and there may be any number between.
    model::Position low = expired.position + 1, high = kLastPosition;
    at_->SeekForPrev(key(number, kLastPosition));
    const auto last = current();
    if (!last || last->number != number || !kept(*last)) return seek(number, kLastPosition);
    high = last->position;
    while (low < high) {
      const model::Position middle = low + (high - low) / 2;
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
  bool keeps_below(model::SequenceNumber number) {
    if (number == 0) return false;
    at_->SeekForPrev(key(number - 1, kLastPosition));
    const auto entry = current();
    return entry && kept(*entry);
  }

  base::Result<void> sound() const {
    if (damaged_) return record_damaged(database_, keys::kSequenceIndex);
    if (!failed_.ok()) return read_failed(database_, failed_);
    return {};
  }

 private:
  static constexpr model::Position kLastPosition = std::numeric_limits<model::Position>::max();
  static constexpr std::size_t kNumberAndPosition = 16;

  std::optional<Entry> seek(model::SequenceNumber number, model::Position position) {
    at_->Seek(key(number, position));
    return current();
  }
  std::optional<Entry> current() {
    // The next search forgets that this one failed.
    if (!at_->Valid() && failed_.ok()) failed_ = at_->status();
    if (!at_->Valid()) return std::nullopt;
    const std::string_view rest = view(at_->key()).substr(prefix_.size());
    const auto time = record::decode_number(view(at_->value()));
    damaged_ = damaged_ || rest.size() != kNumberAndPosition || !time;
    if (damaged_) return std::nullopt;
    return Entry{base::read_big_endian(rest.data()), base::read_big_endian(rest.data() + 8),
                 static_cast<base::EpochMs>(*time)};
  }
  const std::string& key(model::SequenceNumber number, model::Position position) {
    key_.assign(prefix_);
    base::append_big_endian(key_, number);
    base::append_big_endian(key_, position);
    return key_;
  }

  const Database& database_;
  const base::EpochMs oldest_kept_;
  std::string prefix_, end_, key_;
  rocksdb::Slice lower_, upper_;
  std::unique_ptr<rocksdb::Iterator> at_;
  rocksdb::Status failed_;  ///< of the first read that did
  bool damaged_ = false;
};

}  // namespace carillon::embedded
