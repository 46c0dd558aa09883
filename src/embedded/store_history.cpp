#include <algorithm>
#include <limits>

#include "base/bytes.hpp"
#include "embedded/store_reading.hpp"

namespace carillon::embedded {

using base::EpochMs;
using base::Result;
using model::MessagePtr;
using model::Position;
using ports::HistoryPage;
using ports::HistoryQuery;

namespace {

constexpr Position kLastPosition = std::numeric_limits<Position>::max();

/// A record of the message table that agrees with its key; null when it is damaged.
MessagePtr stored_record(std::string_view position_bytes, std::string_view value,
                         const model::Target& target) {
  auto message = record::decode_message(value);
  if (!message || keys::last_number(position_bytes) != message->position || message->target != target)
    return nullptr;
  return std::make_shared<const model::Message>(std::move(*message));
}

/// A read of one page. Within a target, times rise with positions, except for what came back from
/// MessageStorageDLQ: it stands where it came back, and is judged by itself.
class HistoryWalk {
 public:
  HistoryWalk(const Database& database, const HistoryQuery& query, EpochMs oldest_kept)
      : database_(database),
        query_(query),
        earliest_(std::max(query.from.value_or(oldest_kept), oldest_kept)),
        latest_(query.to.value_or(std::numeric_limits<EpochMs>::max())) {
    keys::target(prefix_, query.target.target_class, query.target.id);
    end_ = keys::after(prefix_);
    lower_ = slice(prefix_);
    upper_ = slice(end_);
    at_ = database.iterate(keys::kMessages, &lower_, &upper_);
  }

  Result<HistoryPage> read() {
    HistoryPage page;
    std::size_t bytes = ports::kPageFrameBytes;
    for (to_start(); at_->Valid() && failed_.ok();) {
      MessagePtr message = current();
      if (!message) break;
      const EpochMs time = message->published_at;
      const bool too_early = time < earliest_;
      const bool too_late = time > latest_;
      if (too_early || too_late) {
        const bool ahead = query_.oldest_first ? too_early : too_late;
        if (message->redrive) {
          step();
        } else if (ahead) {
          skip_from(message->position);
        } else {
          break;
        }
        continue;
      }
      bytes += model::event_size_at_most(*message);
      page.more =
          page.messages.size() >= query_.limit || (!page.messages.empty() && bytes > query_.max_bytes);
      if (page.more) break;
      page.messages.push_back(std::move(message));
      step();
    }
    if (damaged_) return record_damaged(database_, keys::kMessages);
    note_failure();
    if (!failed_.ok()) return read_failed(database_, failed_);
    return page;
  }

 private:
  void to_start() {
    if (query_.oldest_first) {
      if (query_.after != kLastPosition) at_->Seek(key(query_.after + 1));
    } else {
      at_->SeekForPrev(key(query_.after == 0 ? kLastPosition : query_.after - 1));
    }
  }
  /// Before the next search forgets it.
  void note_failure() {
    if (failed_.ok()) failed_ = at_->status();
  }
  void step() { query_.oldest_first ? at_->Next() : at_->Prev(); }

  const std::string& key(Position position) {
    key_.assign(prefix_);
    base::append_big_endian(key_, position);
    return key_;
  }
  MessagePtr current() {
    MessagePtr message =
        stored_record(view(at_->key()).substr(prefix_.size()), view(at_->value()), query_.target);
    damaged_ = damaged_ || !message;
    return message;
  }

  /// From a position ahead of what is asked for, to where that begins: by halves, as there may be any number
  /// between.
  void skip_from(Position position) {
    Position low = position + 1, high = position;
    if (query_.oldest_first) {
      at_->SeekToLast();
      high = at_->Valid() ? keys::last_number(view(at_->key()).substr(prefix_.size())).value_or(0) + 1 : low;
    } else {
      at_->Seek(key(0));
      low = at_->Valid() ? keys::last_number(view(at_->key()).substr(prefix_.size())).value_or(0) : high;
    }
    const auto behind = [&](const model::Message& message) {
      return query_.oldest_first ? message.published_at >= earliest_ : message.published_at > latest_;
    };
    note_failure();
    while (low < high && !damaged_ && failed_.ok()) {
      const Position middle = low + (high - low) / 2;
      const MessagePtr message = first_in_order(middle);
      if (message && message->position < high && !behind(*message))
        low = message->position + 1;
      else
        high = middle;
    }
    at_->Seek(key(low));
    if (query_.oldest_first) return;
    note_failure();
    at_->Valid() ? at_->Prev() : at_->SeekToLast();
  }

  /// The first message at or behind a position whose time fits its position; null when there is none.
  MessagePtr first_in_order(Position position) {
    for (at_->Seek(key(position)); at_->Valid(); at_->Next()) {
      MessagePtr message = current();
      if (!message || !message->redrive) return message;
    }
    note_failure();
    return nullptr;
  }

  const Database& database_;
  const HistoryQuery& query_;
  const EpochMs earliest_, latest_;
  std::string prefix_, end_, key_;
  rocksdb::Slice lower_, upper_;
  std::unique_ptr<rocksdb::Iterator> at_;
  rocksdb::Status failed_;  ///< of the first read that did
  bool damaged_ = false;
};

}  // namespace

Result<HistoryPage> Store::history(const HistoryQuery& query) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  return HistoryWalk(*reading, query, oldest_kept(*retention_->get(), query.target, options_.clock())).read();
}

Result<StoredMessage> Store::find_message(const model::MessageId& id) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  rocksdb::PinnableSlice value;
  rocksdb::Status status = reading->get(keys::kMessageIds, id.view(), value);
  if (status.IsNotFound()) return StoredMessage{};
  if (!status.ok()) return read_failed(*reading, status);
  const auto place = record::decode_place(view(value));
  if (!place) return record_damaged(*reading, keys::kMessageIds);

  std::string key;
  keys::target(key, place->target.target_class, place->target.id);
  base::append_big_endian(key, place->position);
  value.Reset();
  status = reading->get(keys::kMessages, key, value);
  if (status.IsNotFound()) return StoredMessage{};
  if (!status.ok()) return read_failed(*reading, status);
  StoredMessage found;
  found.message = stored_record(std::string_view(key).substr(key.size() - 8), view(value), place->target);
  if (!found.message || found.message->id != id) return record_damaged(*reading, keys::kMessages);
  found.expired =
      found.message->published_at < oldest_kept(*retention_->get(), place->target, options_.clock());
  return found;
}

Result<MessagePtr> Store::message(const model::MessageId& id) const {
  auto found = find_message(id);
  if (!found) return std::unexpected(std::move(found.error()));
  return found->expired ? nullptr : std::move(found->message);
}

}  // namespace carillon::embedded
