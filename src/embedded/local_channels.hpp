#pragma once

#include <memory>
#include <random>
#include <variant>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "base/recorder.hpp"
#include "bus/fifo_queue.hpp"
#include "bus/settings.hpp"
#include "bus/standard_queue.hpp"
#include "bus/topic.hpp"
#include "embedded/delivery_results.hpp"
#include "embedded/local_dead_letters.hpp"
#include "embedded/message_lines.hpp"
#include "embedded/store.hpp"
#include "outbound/webhook_request.hpp"
#include "ports/http_client.hpp"
#include "ports/message_spans.hpp"
#include "ports/metric_set.hpp"

namespace carillon::embedded {

/// The queues of webhook channels and their consumer: a signed POST of each message, done at a 2xx within 10
/// seconds, retried and dead-lettered otherwise (CONTRACT §11). Bus loop only,
/// but for collect().
class LocalChannels {
 public:
  LocalChannels(base::EventLoop& loop, const bus::Settings& settings, const bus::Topics& topics,
                const Store& store, LocalDeadLetters& dead_letters, DeliveryResults& results,
                ports::HttpClient& http, MessageLines& lines, ports::MessageSpans spans);

  bool owns(bus::QueueIndex queue) const { return queue < consumers_.size() && consumers_[queue]; }
  void enqueue(bus::QueueIndex queue, const model::Message& message);
  /// Sends what may be sent now, of every queue that got something.
  void pump();

  std::size_t depth(bus::QueueIndex queue) const;
  std::size_t in_flight(bus::QueueIndex queue) const;
  std::optional<base::EpochMs> oldest(bus::QueueIndex queue) const;
  std::optional<model::Position> low_watermark(bus::QueueIndex queue) const;
  /// Nothing when the queue has no such message, or it is settled.
  std::optional<bus::EntryState> find(bus::QueueIndex queue, model::Position position) const;
  std::vector<bus::PeekedEntry> peek(bus::QueueIndex queue, std::size_t limit) const;
  /// What waits, removed from memory; to be marked settled by the caller.
  std::vector<model::Position> purge(bus::QueueIndex queue);

  /// Any thread.
  void collect(ports::MetricSet& into) const;

 private:
  struct Consumer {
    std::variant<bus::StandardQueue, bus::FifoQueue> queue;
    const bus::ChannelSettings* channel;
    outbound::WebhookReceiver receiver;
    boost::asio::steady_timer timer;
    bool dirty = false;
  };
  void pump(bus::QueueIndex index, Consumer& consumer);
  void send(bus::QueueIndex index, Consumer& consumer, const bus::TakenEntry& entry);
  void on_answer(bus::QueueIndex index, const model::Message& message, std::int64_t sent_ns,
                 const base::Result<ports::OutboundResponse>& answer);
  void on_delivered(bus::QueueIndex index, const model::Message& message);
  /// `message` is null when it cannot be read.
  void on_failure(bus::QueueIndex index, model::Position position, const model::Message* message,
                  std::string reason);
  void bury(bus::QueueIndex index, model::Position position, int attempts, std::string reason);
  void wait_for_retry(bus::QueueIndex index, Consumer& consumer);

  base::EventLoop& loop_;
  const Store& store_;
  LocalDeadLetters& dead_letters_;
  DeliveryResults& results_;
  ports::HttpClient& http_;
  MessageLines& lines_;
  ports::MessageSpans spans_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Consumer>> consumers_;  ///< by queue; null for other consumers' queues
  base::Counter delivered_, failed_;                  ///< attempts
};

}  // namespace carillon::embedded
