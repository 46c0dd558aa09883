#include "embedded/local_queues.hpp"

#include <algorithm>

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using base::Result;
using bus::QueueIndex;
using model::Position;
using ports::Completion;
using ports::QueuedMessage;
using ports::QueueInfo;

std::int64_t age_seconds(std::optional<base::EpochMs> since) {
  return since ? std::max<std::int64_t>(0, (base::now_ms() - *since) / 1000) : 0;
}

std::unexpected<base::Error> no_such_queue(const std::string& name) {
  return model::fail(errors::kNotFound, "no queue " + name);
}

}  // namespace

LocalQueues::LocalQueues(base::EventLoop& loop, const bus::Topics& topics, const Store& store, LocalBus& bus,
                         LocalDelivery& delivery, LocalChannels& channels, LocalDeadLetters& dead_letters,
                         const message_storage::MessageStorage& storage)
    : loop_(loop),
      topics_(topics),
      store_(store),
      bus_(bus),
      delivery_(delivery),
      channels_(channels),
      dead_letters_(dead_letters),
      storage_(storage) {}

std::uint64_t LocalQueues::depth(QueueIndex queue) const {
  if (queue == bus::kMessageStorageQueue) return storage_.status().depth();
  return channels_.owns(queue) ? channels_.depth(queue) : delivery_.state().depth(queue);
}

Position LocalQueues::settled_up_to(QueueIndex queue) const {
  if (queue == bus::kMessageStorageQueue) return storage_.status().settled;
  const auto low =
      channels_.owns(queue) ? channels_.low_watermark(queue) : delivery_.state().low_watermark(queue);
  return low ? *low - 1 : bus_.last_position();
}

QueueFigures::Levels LocalQueues::levels(QueueIndex queue) const {
  if (queue == bus::kMessageStorageQueue) {
    const auto status = storage_.status();
    return {status.depth(), status.depth(), status.oldest_waiting};
  }
  if (channels_.owns(queue))
    return {channels_.depth(queue), channels_.in_flight(queue), channels_.oldest(queue)};
  return {delivery_.state().depth(queue), delivery_.state().in_flight(queue),
          delivery_.state().oldest(queue)};
}

void LocalQueues::show_levels(QueueFigures& figures) const {
  for (QueueIndex queue = 0; queue < topics_.queues().size(); ++queue) figures.set(queue, levels(queue));
}

QueueInfo LocalQueues::describe(QueueIndex queue) const {
  const bus::QueueDefinition& definition = topics_.queues()[queue];
  const QueueFigures::Levels now = levels(queue);
  return {.name = definition.name,
          .type = definition.fifo ? "fifo" : "standard",
          .depth = now.depth,
          .in_flight = now.in_flight,
          .oldest_age_seconds = age_seconds(now.oldest),
          .dead_letter_queue = definition.dead_letter_queue};
}

void LocalQueues::list(Completion<std::vector<QueueInfo>> done) {
  loop_.post([this, done = std::move(done)]() mutable {
    std::vector<QueueInfo> infos;
    for (QueueIndex queue = 0; queue < topics_.queues().size(); ++queue) infos.push_back(describe(queue));
    for (QueueIndex queue = 0; queue < topics_.queues().size(); ++queue) {
      QueueInfo info;
      info.name = topics_.queues()[queue].dead_letter_queue;
      info.type = topics_.queues()[queue].fifo ? "fifo" : "standard";
      info.depth = dead_letters_.depth(queue);
      info.oldest_age_seconds = age_seconds(dead_letters_.oldest(queue));
      infos.push_back(std::move(info));
    }
    done(std::move(infos));
  });
}

Result<std::vector<QueuedMessage>> LocalQueues::look_into(QueueIndex queue, std::size_t limit) const {
  std::vector<QueuedMessage> list;
  if (queue == bus::kMessageStorageQueue) {
    const auto messages = store_.read_log(storage_.status().settled + 1, limit, 4u << 20);
    if (!messages) return std::unexpected(messages.error());
    for (const auto& each : *messages) list.push_back({each, 0, each->published_at, {}, {}});
  } else if (channels_.owns(queue)) {
    for (const bus::PeekedEntry& entry : channels_.peek(queue, limit)) {
      const auto message = store_.log_message(entry.position);
      if (!message) return std::unexpected(message.error());
      if (*message) list.push_back({*message, entry.attempts, entry.enqueued_at, {}, {}});
    }
  } else {
    for (const auto& each : delivery_.state().peek(queue, limit))
      list.push_back({each, 1, each->published_at, {}, {}});
  }
  return list;
}

void LocalQueues::peek(std::string name, std::size_t limit, Completion<std::vector<QueuedMessage>> done) {
  loop_.post([this, name = std::move(name), limit, done = std::move(done)]() mutable {
    if (const auto queue = topics_.find_by_dead_letter_queue(name))
      return done(dead_letters_.peek(*queue, limit));
    const auto queue = topics_.find(name);
    if (!queue) return done(no_such_queue(name));
    done(look_into(*queue, limit));
  });
}

void LocalQueues::purge(std::string name, Completion<std::uint64_t> done) {
  loop_.post([this, name = std::move(name), done = std::move(done)]() mutable {
    if (const auto queue = topics_.find_by_dead_letter_queue(name))
      return dead_letters_.purge(*queue, std::move(done));
    const auto queue = topics_.find(name);
    if (!queue) return done(no_such_queue(name));
    if (channels_.owns(*queue)) return purge_channel(*queue, std::move(done));
    // The queues for sockets and for storage hand on at once: all that they hold is in flight.
    done(std::uint64_t{0});
  });
}

void LocalQueues::purge_channel(QueueIndex queue, Completion<std::uint64_t> done) {
  auto count = std::make_shared<std::uint64_t>(0);
  LocalBus::Change change;
  change.decide = [this, queue, count](CommitBatch& batch) {
    for (const Position each : channels_.purge(queue)) {
      batch.mark_settled(topics_.queues()[queue].name, each);
      ++*count;
    }
    return true;
  };
  change.done = [count, done = std::move(done)](Result<void> durable) mutable {
    if (!durable) return done(std::unexpected(durable.error()));
    done(*count);
  };
  bus_.submit(std::move(change));
}

void LocalQueues::redrive(std::string name, std::vector<model::MessageId> ids,
                          Completion<std::uint64_t> done) {
  loop_.post([this, name = std::move(name), ids = std::move(ids), done = std::move(done)]() mutable {
    const auto queue = topics_.find_by_dead_letter_queue(name);
    if (queue) return dead_letters_.redrive(*queue, std::move(ids), std::move(done));
    if (topics_.find(name)) return done(model::fail(errors::kBadRequest, name + " is no dead letter queue"));
    done(no_such_queue(name));
  });
}

}  // namespace carillon::embedded
