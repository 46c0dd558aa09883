#include "embedded/local_cursors.hpp"

#include <algorithm>

namespace carillon::embedded {
namespace {

using base::Result;
using bus::QueueIndex;
using model::Position;

/// Trimming pays once this much is settled: the log's files are far larger than one record.
constexpr Position kLeastTrim = 10'000;

}  // namespace

LocalCursors::LocalCursors(const bus::Topics& topics, Store& store, LocalBus& bus, DeliveryResults& results,
                           std::function<Position(QueueIndex)> settled_up_to)
    : topics_(topics),
      store_(store),
      bus_(bus),
      results_(results),
      settled_up_to_(std::move(settled_up_to)),
      persisted_(topics.queues().size()) {}

Result<void> LocalCursors::load(Position end) {
  const auto known = store_.cursors();
  if (!known) return std::unexpected(known.error());
  CommitBatch batch;
  for (QueueIndex queue = 0; queue < persisted_.size(); ++queue) {
    const std::string& name = topics_.queues()[queue].name;
    const auto found = std::ranges::find(*known, name, &QueueCursor::queue);
    persisted_[queue] = found == known->end() ? end : found->position;
    if (found == known->end()) batch.set_cursor(name, end);
  }
  const auto oldest = store_.read_log(0, 1, 1);
  if (!oldest) return std::unexpected(oldest.error());
  if (!oldest->empty()) trimmed_ = oldest->front()->position;
  if (batch.empty()) return {};
  return store_.write_synced(batch, store_.generation());
}

Position LocalCursors::smallest() const {
  Position smallest = settled_up_to_(bus::kMessageStorageQueue);
  for (QueueIndex queue = 0; queue < persisted_.size(); ++queue)
    if (queue != bus::kMessageStorageQueue) smallest = std::min(smallest, persisted_[queue]);
  return smallest;
}

void LocalCursors::persist(std::move_only_function<void()> done) {
  std::vector<std::pair<QueueIndex, Position>> moved;
  for (QueueIndex queue = 0; queue < persisted_.size(); ++queue) {
    const Position position = settled_up_to_(queue);
    if (queue != bus::kMessageStorageQueue && position > persisted_[queue])
      moved.emplace_back(queue, position);
  }
  if (moved.empty() && results_.empty()) return done();
  LocalBus::Change change;
  change.decide = [this, moved](CommitBatch& batch) {
    for (const auto& [queue, position] : moved) {
      const std::string& name = topics_.queues()[queue].name;
      batch.set_cursor(name, position);
      if (const auto marks = store_.settled(name))
        for (const Position mark : *marks)
          if (mark <= position) batch.unmark_settled(name, mark);
    }
    results_.stage(batch, base::now_ms());
    return true;
  };
  change.done = [this, moved, done = std::move(done)](Result<void> durable) mutable {
    results_.written(durable.has_value());
    if (durable)
      for (const auto& [queue, position] : moved) persisted_[queue] = std::max(persisted_[queue], position);
    done();
  };
  bus_.submit(std::move(change));
}

void LocalCursors::trim(bool all, std::move_only_function<void(Position)> reclaim) {
  const Position before = std::min(smallest() + 1, bus_.last_position());
  if (before < trimmed_ + (all ? 1 : kLeastTrim)) return;
  LocalBus::Change change;
  change.decide = [before](CommitBatch& batch) {
    batch.trim_log(before);
    return true;
  };
  change.done = [this, before, reclaim = std::move(reclaim)](Result<void> durable) mutable {
    if (!durable) return;
    trimmed_ = before;
    reclaim(before);
  };
  bus_.submit(std::move(change));
}

}  // namespace carillon::embedded
