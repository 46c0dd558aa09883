#include "embedded/local_channels.hpp"

#include "base/log.hpp"
#include "outbound/standard_webhooks.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using bus::QueueIndex;
using model::Position;

constexpr std::size_t kMaxInFlight = 16;
constexpr std::chrono::seconds kAnswerTimeout{10};

}  // namespace

LocalChannels::LocalChannels(base::EventLoop& loop, const bus::Settings& settings, const bus::Topics& topics,
                             const Store& store, LocalDeadLetters& dead_letters, DeliveryResults& results,
                             ports::HttpClient& http, MessageLines& lines, ports::MessageSpans spans)
    : loop_(loop),
      store_(store),
      dead_letters_(dead_letters),
      results_(results),
      http_(http),
      lines_(lines),
      spans_(spans),
      random_(std::random_device()()) {
  const bus::RetryPolicy retry{settings.max_attempts, settings.retry_base};
  for (const bus::QueueDefinition& each : topics.queues()) {
    auto& consumer = consumers_.emplace_back();
    if (each.consumer != bus::Consumer::webhook) continue;
    const bus::ChannelSettings& channel = settings.channels[each.channel];
    const outbound::WebhookReceiver receiver{channel.url, outbound::webhook_key(channel.secret).value_or("")};
    boost::asio::steady_timer timer(loop.io());
    if (each.fifo)
      consumer.reset(new Consumer{.queue{std::in_place_type<bus::FifoQueue>, retry},
                                  .channel = &channel,
                                  .receiver = receiver,
                                  .timer = std::move(timer)});
    else
      consumer.reset(new Consumer{.queue{std::in_place_type<bus::StandardQueue>, retry},
                                  .channel = &channel,
                                  .receiver = receiver,
                                  .timer = std::move(timer)});
  }
}

void LocalChannels::enqueue(QueueIndex queue, const model::Message& message) {
  Consumer& consumer = *consumers_[queue];
  consumer.dirty = true;
  if (auto* fifo = std::get_if<bus::FifoQueue>(&consumer.queue))
    fifo->enqueue(message.position, message.group_id, message.published_at);
  else
    std::get<bus::StandardQueue>(consumer.queue).enqueue(message.position, message.published_at);
}

void LocalChannels::pump() {
  for (QueueIndex index = 0; index < consumers_.size(); ++index)
    if (Consumer* consumer = consumers_[index].get(); consumer && consumer->dirty) pump(index, *consumer);
}

void LocalChannels::pump(QueueIndex index, Consumer& consumer) {
  consumer.dirty = false;
  const std::size_t busy = in_flight(index);
  if (busy < kMaxInFlight) {
    std::vector<bus::TakenEntry> taken;
    std::visit([&](auto& queue) { queue.take(base::monotonic_now(), kMaxInFlight - busy, taken); },
               consumer.queue);
    for (const bus::TakenEntry& each : taken) send(index, consumer, each);
  }
  wait_for_retry(index, consumer);
}

void LocalChannels::wait_for_retry(QueueIndex index, Consumer& consumer) {
  const auto due = std::visit([](const auto& queue) { return queue.next_due(); }, consumer.queue);
  if (!due || in_flight(index) >= kMaxInFlight) return;
  consumer.timer.expires_at(*due);
  consumer.timer.async_wait([this, index, &consumer](boost::system::error_code error) {
    if (!error) pump(index, consumer);
  });
}

void LocalChannels::send(QueueIndex index, Consumer& consumer, const bus::TakenEntry& entry) {
  const auto message = store_.log_message(entry.position);
  if (!message || !*message) {
    // Unreadable now is a failed attempt like any other.
    loop_.post([this, index, position = entry.position] {
      on_failure(index, position, nullptr, "message cannot be read");
    });
    return;
  }
  const base::EpochMs now = base::now_ms();
  std::string body;
  model::append_event(body, **message, now);
  ports::OutboundRequest request = outbound::webhook_request(consumer.receiver, (*message)->id.str(),
                                                             std::move(body), now, kAnswerTimeout);
  if ((*message)->trace)
    request.headers.emplace_back("traceparent", base::format_traceparent(*(*message)->trace));
  const std::int64_t sent_ns = spans_.wants(**message) ? base::now_ns() : 0;
  http_.send(std::move(request),
             [this, index, sent_ns, message = *message](Result<ports::OutboundResponse> answer) {
               loop_.post([this, index, sent_ns, message, answer = std::move(answer)] {
                 on_answer(index, *message, sent_ns, answer);
               });
             });
}

void LocalChannels::on_answer(QueueIndex index, const model::Message& message, std::int64_t sent_ns,
                              const Result<ports::OutboundResponse>& answer) {
  auto reason = outbound::why_not_taken(answer);
  const bool delivered = !reason;
  if (sent_ns != 0)
    spans_.record("deliver", message, sent_ns, base::now_ns(),
                  {{"channel", consumers_[index]->channel->name},
                   {"result", delivered ? "successful" : "failure"},
                   {"delivered", delivered ? "1" : "0"},
                   {"failed", delivered ? "0" : "1"}},
                  !delivered);
  if (delivered) return on_delivered(index, message);
  on_failure(index, message.position, &message, std::move(*reason));
}

void LocalChannels::on_delivered(QueueIndex index, const model::Message& message) {
  delivered_.add();
  Consumer& consumer = *consumers_[index];
  if (std::visit([&](auto& queue) { return queue.settle(message.position); }, consumer.queue))
    results_.add(message, 1, 0, nullptr);
  pump(index, consumer);
}

void LocalChannels::on_failure(QueueIndex index, Position position, const model::Message* message,
                               std::string reason) {
  failed_.add();
  Consumer& consumer = *consumers_[index];
  const auto decision = std::visit(
      [&](auto& queue) { return queue.retry(position, base::monotonic_now(), random_()); }, consumer.queue);
  if (!decision) return;
  lines_.webhook_failed(consumer.channel->name, message, decision->attempts, reason, base::monotonic_now());
  if (decision->exhausted) return bury(index, position, decision->attempts, std::move(reason));
  pump(index, consumer);
}

void LocalChannels::bury(QueueIndex index, Position position, int attempts, std::string reason) {
  const auto settle = [this, index, position] {
    Consumer& consumer = *consumers_[index];
    std::visit([&](auto& queue) { queue.settle(position); }, consumer.queue);
    pump(index, consumer);
  };
  const auto message = store_.log_message(position);
  if (!message) {
    // The store is being reopened; the dead letter is written once it can be.
    auto timer = std::make_shared<boost::asio::steady_timer>(loop_.io(), std::chrono::seconds(1));
    timer->async_wait([this, timer, index, position, attempts, reason](boost::system::error_code error) {
      if (!error) bury(index, position, attempts, reason);
    });
    return;
  }
  if (!*message) {
    base::log::error("message_lost", "a message is missing from the log", {{"position", position}});
    return settle();
  }
  ports::QueuedMessage letter{*message, attempts, base::now_ms(), {}, std::move(reason)};
  dead_letters_.bury(index, std::move(letter), settle);
}

std::size_t LocalChannels::depth(QueueIndex queue) const {
  return std::visit([](const auto& each) { return each.depth(); }, consumers_[queue]->queue);
}

std::size_t LocalChannels::in_flight(QueueIndex queue) const {
  return std::visit([](const auto& each) { return each.in_flight(); }, consumers_[queue]->queue);
}

std::optional<base::EpochMs> LocalChannels::oldest(QueueIndex queue) const {
  return std::visit([](const auto& each) { return each.oldest(); }, consumers_[queue]->queue);
}

std::optional<Position> LocalChannels::low_watermark(QueueIndex queue) const {
  return std::visit([](const auto& each) { return each.low_watermark(); }, consumers_[queue]->queue);
}

std::optional<bus::EntryState> LocalChannels::find(QueueIndex queue, Position position) const {
  return std::visit([&](const auto& each) { return each.find(position); }, consumers_[queue]->queue);
}

std::vector<bus::PeekedEntry> LocalChannels::peek(QueueIndex queue, std::size_t limit) const {
  return std::visit([&](const auto& each) { return each.peek(limit); }, consumers_[queue]->queue);
}

void LocalChannels::collect(ports::MetricSet& into) const {
  const auto attempts = [&](std::string result, const base::Counter& count) {
    into.counter("carillon_webhook_attempts_total", "Attempts to hand a message to a channel's webhook.",
                 count.value(), {{"result", std::move(result)}});
  };
  attempts("delivered", delivered_);
  attempts("failed", failed_);
}

std::vector<Position> LocalChannels::purge(QueueIndex queue) {
  return std::visit([](auto& each) { return each.purge(); }, consumers_[queue]->queue);
}

}  // namespace carillon::embedded
