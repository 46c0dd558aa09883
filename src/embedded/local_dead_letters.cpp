#include "embedded/local_dead_letters.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using base::Result;
using bus::QueueIndex;
using model::Position;
using ports::Completion;
using ports::QueuedMessage;

constexpr std::size_t kPage = 500;

std::uint32_t size_of(const QueuedMessage& letter) {
  return static_cast<std::uint32_t>(letter.message->payload.size() + 256 + 128 * letter.failed.size());
}

}  // namespace

/// A redrive under way: a part of it per batch, so that a full dead letter queue does not stall publishing.
struct LocalDeadLetters::Redrive {
  QueueIndex queue;
  std::vector<Position> places;
  std::size_t next = 0;          ///< into places
  std::vector<Position> staged;  ///< moved by the batch under way
  std::uint64_t moved = 0;
  Completion<std::uint64_t> done;
};

LocalDeadLetters::LocalDeadLetters(const bus::Settings& settings, const bus::Topics& topics, Store& store,
                                   LocalBus& bus, QueueFigures& figures, MessageLines& lines)
    : topics_(topics), store_(store), bus_(bus), figures_(figures), lines_(lines) {
  bus::DeadLetterIndex::Limits limits;
  limits.retention = settings.dead_letter_retention;
  indexes_.reserve(topics.queues().size());
  for (std::size_t i = 0; i < topics.queues().size(); ++i) indexes_.emplace_back(limits);
}

Result<void> LocalDeadLetters::load() {
  for (QueueIndex queue = 0; queue < indexes_.size(); ++queue) {
    Position after = 0;
    while (true) {
      const auto page = store_.dead_letters(name(queue), after, kPage);
      if (!page) return std::unexpected(page.error());
      for (const QueuedMessage& each : *page)
        indexes_[queue].add(each.message->position, each.message->id, each.enqueued_at, size_of(each));
      if (page->size() < kPage) break;
      after = page->back().message->position;
    }
    show_depth(queue);
  }
  return {};
}

void LocalDeadLetters::bury(QueueIndex queue, QueuedMessage letter, std::move_only_function<void()> done) {
  auto shared = std::make_shared<QueuedMessage>(std::move(letter));
  LocalBus::Change change;
  change.patient = true;
  change.decide = [this, queue, shared](CommitBatch& batch) {
    batch.put_dead_letter(name(queue), *shared);
    batch.mark_settled(topics_.queues()[queue].name, shared->message->position);
    return true;
  };
  change.done = [this, queue, shared, done = std::move(done)](Result<void> durable) mutable {
    if (!durable) return bury(queue, std::move(*shared), std::move(done));
    indexes_[queue].add(shared->message->position, shared->message->id, shared->enqueued_at,
                        size_of(*shared));
    figures_.dead_letter_added(queue);
    show_depth(queue);
    lines_.dead_letter(name(queue), *shared, base::monotonic_now());
    done();
  };
  bus_.submit(std::move(change));
}

Result<std::optional<QueuedMessage>> LocalDeadLetters::read(QueueIndex queue, Position place) const {
  auto page = store_.dead_letters(name(queue), place - 1, 1);
  if (!page) return std::unexpected(page.error());
  if (page->empty() || page->front().message->position != place) return std::nullopt;
  return std::move(page->front());
}

void LocalDeadLetters::remove(QueueIndex queue, std::vector<Position> places,
                              Completion<std::uint64_t> done) {
  auto shared = std::make_shared<std::vector<Position>>(std::move(places));
  LocalBus::Change change;
  change.decide = [this, queue, shared](CommitBatch& batch) {
    std::erase_if(*shared, [&](Position place) {
      const auto letter = read(queue, place);
      if (!letter || !*letter) return true;
      batch.delete_dead_letter(name(queue), place, (*letter)->message->id);
      return false;
    });
    return true;
  };
  change.done = [this, queue, shared, done = std::move(done)](Result<void> durable) mutable {
    if (!durable) return done(std::unexpected(durable.error()));
    for (const Position place : *shared) indexes_[queue].remove(place);
    show_depth(queue);
    done(shared->size());
  };
  bus_.submit(std::move(change));
}

void LocalDeadLetters::purge(QueueIndex queue, Completion<std::uint64_t> done) {
  remove(queue, indexes_[queue].oldest(indexes_[queue].depth()), std::move(done));
}

void LocalDeadLetters::redrive(QueueIndex queue, std::vector<model::MessageId> ids,
                               Completion<std::uint64_t> done) {
  auto redrive = std::make_shared<Redrive>();
  redrive->queue = queue;
  redrive->done = std::move(done);
  if (ids.empty()) redrive->places = indexes_[queue].oldest(indexes_[queue].depth());
  for (const model::MessageId& id : ids) {
    const auto places = indexes_[queue].find(id);
    if (places.empty())
      return redrive->done(model::fail(errors::kNotFound, id.str() + " is not in this queue"));
    redrive->places.insert(redrive->places.end(), places.begin(), places.end());
  }
  std::ranges::sort(redrive->places);
  const auto repeated = std::ranges::unique(redrive->places);
  redrive->places.erase(repeated.begin(), repeated.end());
  redrive_next(std::move(redrive));
}

void LocalDeadLetters::redrive_next(std::shared_ptr<Redrive> redrive) {
  if (redrive->next == redrive->places.size()) return redrive->done(redrive->moved);
  LocalBus::Change change;
  change.decide = [this, redrive](CommitBatch& batch) { return stage_redrive(*redrive, batch); };
  change.done = [this, redrive](Result<void> durable) mutable {
    if (!durable) return redrive->done(std::unexpected(durable.error()));
    for (const Position place : redrive->staged) indexes_[redrive->queue].remove(place);
    redrive->moved += redrive->staged.size();
    figures_.redriven(redrive->staged.size());
    show_depth(redrive->queue);
    redrive_next(std::move(redrive));
  };
  bus_.submit(std::move(change));
}

bool LocalDeadLetters::stage_redrive(Redrive& redrive, CommitBatch& batch) {
  redrive.staged.clear();
  const std::size_t end = std::min(redrive.next + kPage, redrive.places.size());
  for (; redrive.next < end; ++redrive.next) {
    const Position place = redrive.places[redrive.next];
    auto letter = read(redrive.queue, place);
    if (!letter) break;
    if (!*letter) continue;  // another call took it away since
    model::Message message = *(*letter)->message;
    model::Message::Redrive to{topics_.queues()[redrive.queue].name, {}};
    for (const ports::FailedRecipient& each : (*letter)->failed)
      if (!each.user.empty() && std::ranges::find(to.users, each.user) == to.users.end())
        to.users.push_back(each.user);
    if (redrive.queue == bus::kMessageStorageQueue) {
      const Position before = message.redrive ? message.redrive->original : 0;
      to.original = before != 0 ? before : message.position;
    }
    message.redrive = std::move(to);
    batch.delete_dead_letter(name(redrive.queue), place, message.id);
    bus_.append(std::move(message), batch);
    redrive.staged.push_back(place);
  }
  if (!redrive.staged.empty() || redrive.next == end) return true;
  redrive.done(model::fail(errors::kUnavailable, "the dead letters cannot be read"));
  return false;
}

Result<std::vector<QueuedMessage>> LocalDeadLetters::peek(QueueIndex queue, std::size_t limit) const {
  return store_.dead_letters(name(queue), 0, limit);
}

void LocalDeadLetters::sweep(base::EpochMs now) {
  for (QueueIndex queue = 0; queue < indexes_.size(); ++queue) {
    auto over = indexes_[queue].over_limits(now);
    if (over.empty()) continue;
    remove(queue, std::move(over), [this, queue](Result<std::uint64_t> count) {
      if (!count || *count == 0) return;
      figures_.dead_letters_dropped(*count);
      base::log::warn("dead_letters_dropped", "dead letters over age or size were dropped",
                      {{"queue", name(queue)}, {"count", *count}});
    });
  }
}

}  // namespace carillon::embedded
