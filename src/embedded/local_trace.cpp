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

void LocalTrace::describe(model::MessagePtr message, ports::Completion<Rest> done) {
  loop_.post([this, message = std::move(message), done = std::move(done)]() mutable {
    Look found = look(*message);
    done(Rest([this, message = std::move(message), found = std::move(found)]() mutable {
      return complete(*message, std::move(found));
    }));
  });
}

LocalTrace::Look LocalTrace::look(const Message& message) const {
  Look look{.totals = results_.find(message), .next_flush = results_.next_flush()};
  const auto queues = topics_.route(static_cast<const model::MessageBody&>(message));
  bus::for_each_queue(queues, [&](QueueIndex queue) {
    const bus::QueueDefinition& definition = topics_.queues()[queue];
    QueueTrace trace{.queue = definition.name};
    look_into(queue, message.position, trace, look.totals);
    const auto [first, last] = copies_.equal_range(message.id);
    for (auto at = first; at != last; ++at)
      if (at->second.queue == queue) look_into(queue, at->second.position, trace, look.totals);
    look.trace.queues.push_back(std::move(trace));
    look.dead_letter_queues.push_back(definition.dead_letter_queue);
  });
  return look;
}

Result<MessageTrace> LocalTrace::complete(const Message& message, Look look) const {
  const auto flushed = store_.delivery_result(message.position, message.id, {.before = look.next_flush});
  if (!flushed) return std::unexpected(flushed.error());
  DeliveryTotals totals = *flushed;
  totals.add(look.totals.delivered, look.totals.gone, look.totals.users);
  MessageTrace trace = std::move(look.trace);
  for (std::size_t i = 0; i < trace.queues.size(); ++i) {
    auto letter = store_.dead_letter(look.dead_letter_queues[i], message.id);
    if (!letter) return std::unexpected(std::move(letter.error()));
    if (!*letter) continue;
    QueueTrace& queue = trace.queues[i];
    queue.state = QueueTrace::State::dead_letter;
    queue.dead_letter_queue = std::move(look.dead_letter_queues[i]);
    queue.attempts = (*letter)->attempts;
    queue.reason = std::move((*letter)->reason);
    queue.failed = std::move((*letter)->failed);
  }
  trace.delivered = totals.delivered;
  trace.gone = totals.gone;
  if (totals.users) trace.delivered_to = *totals.users;
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
