#include "embedded/local_trace.hpp"

#include <algorithm>

namespace carillon::embedded {
namespace {

using base::Result;
using bus::QueueIndex;
using model::Message;
using model::Position;
using ports::MessageTrace;
using ports::QueueTrace;

}  // namespace

LocalTrace::LocalTrace(base::EventLoop& loop, const bus::Topics& topics, const Store& store,
                       const LocalDelivery& delivery, const LocalChannels& channels,
                       const DeliveryResults& results, const message_storage::MessageStorage& storage)
    : loop_(loop),
      topics_(topics),
      store_(store),
      delivery_(delivery),
      channels_(channels),
      results_(results),
      storage_(storage) {}

void LocalTrace::describe(model::MessagePtr message, ports::Completion<MessageTrace> done) {
  const std::uint64_t before = results_.next_flush();
  auto totals = store_.delivery_result(message->position, message->id, {.before = before});
  loop_.post([this, message = std::move(message), totals = std::move(totals), before,
              done = std::move(done)]() mutable {
    if (!totals) return done(std::unexpected(std::move(totals.error())));
    done(on_loop(*message, std::move(*totals), before));
  });
}

Result<MessageTrace> LocalTrace::on_loop(const Message& message, DeliveryTotals totals,
                                         std::uint64_t before) const {
  // What went to disk while the other thread read it.
  if (const std::uint64_t now = results_.next_flush(); now != before) {
    const auto more = store_.delivery_result(message.position, message.id, {before, now});
    if (!more) return std::unexpected(more.error());
    totals.add(more->delivered, more->gone, more->users);
  }
  const DeliveryTotals waiting = results_.find(message);
  totals.add(waiting.delivered, waiting.gone, waiting.users);

  MessageTrace trace;
  Result<void> readable;
  const auto queues = topics_.route(static_cast<const model::MessageBody&>(message));
  bus::for_each_queue(queues, [&](QueueIndex queue) {
    Positions positions{message.position};
    const auto [first, last] = copies_.equal_range(message.id);
    for (auto at = first; at != last; ++at)
      if (at->second.queue == queue) positions.push_back(at->second.position);
    auto described = queue_trace(queue, message, positions, totals);
    if (described)
      trace.queues.push_back(std::move(*described));
    else
      readable = std::unexpected(std::move(described.error()));
  });
  if (!readable) return std::unexpected(std::move(readable.error()));
  trace.delivered = totals.delivered;
  trace.gone = totals.gone;
  if (totals.users) trace.delivered_to = *totals.users;
  return trace;
}

Result<QueueTrace> LocalTrace::queue_trace(QueueIndex queue, const Message& message,
                                           const Positions& positions, DeliveryTotals& totals) const {
  const bus::QueueDefinition& definition = topics_.queues()[queue];
  QueueTrace trace{.queue = definition.name};
  for (const Position position : positions) look_into(queue, position, trace, totals);
  auto letter = store_.dead_letter(definition.dead_letter_queue, message.id);
  if (!letter) return std::unexpected(std::move(letter.error()));
  if (!*letter) return trace;
  trace.state = QueueTrace::State::dead_letter;
  trace.dead_letter_queue = definition.dead_letter_queue;
  trace.attempts = (*letter)->attempts;
  trace.reason = std::move((*letter)->reason);
  trace.failed = std::move((*letter)->failed);
  return trace;
}

void LocalTrace::look_into(QueueIndex queue, Position position, QueueTrace& trace,
                           DeliveryTotals& totals) const {
  using State = QueueTrace::State;
  if (queue == bus::kMessageStorageQueue) {
    if (position > storage_.status().settled) trace.state = State::waiting;
  } else if (channels_.owns(queue)) {
    const auto entry = channels_.find(queue, position);
    if (!entry) return;
    trace.state = entry->in_flight ? State::in_flight : State::waiting;
    trace.attempts = entry->attempts;
  } else if (const auto progress = delivery_.state().find(queue, position)) {
    trace.state = State::in_flight;
    totals.add(progress->delivered, progress->gone, progress->users);
  }
}

bool LocalTrace::holds(QueueIndex queue, Position position) const {
  if (channels_.owns(queue)) return channels_.find(queue, position).has_value();
  return delivery_.state().find(queue, position).has_value();
}

void LocalTrace::remember_copy(const Message& copy) {
  if (const auto queue = topics_.find(copy.redrive->queue); queue && *queue != bus::kMessageStorageQueue)
    copies_.emplace(copy.id, Copy{*queue, copy.position});
}

void LocalTrace::forget_settled_copies() {
  std::erase_if(copies_, [&](const auto& each) { return !holds(each.second.queue, each.second.position); });
}

}  // namespace carillon::embedded
