#include <algorithm>

#include "cli/bench/publishers.hpp"
#include "cli/bench/session.hpp"

namespace carillon::cli::bench {
namespace {

constexpr double kNanos = 1e9;

/// Fan-out and one-to-one: publishes, and follows every message to all its recipients.
class MessageRun final : public DeliveryHandler, public AnswerHandler {
 public:
  explicit MessageRun(Session& session)
      : session_(session),
        options_(session.options),
        fanout_(options_.workload == Workload::fanout),
        channels_(fanout_ ? 1 : options_.connections),
        subscribers_(*session.driver, session.subscribe, session.poller, session.buffer,
                     {.connections = options_.connections,
                      .channels = channels_,
                      .streams_per_connection = fanout_ ? options_.publishers : 1}),
        publishers_(*session.driver, *session.codec, session.poller, session.buffer, *this),
        ledger_({.messages = static_cast<std::uint32_t>(options_.warmup + options_.messages),
                 .streams = static_cast<std::uint32_t>(fanout_ ? options_.publishers : channels_),
                 .recipients = static_cast<std::uint32_t>(fanout_ ? options_.connections : 1),
                 .answered = session.driver->answers()}) {
    subscribers_.deliver_to(*session.codec, *this);
  }

  Report run() {
    report_.connections = options_.connections;
    report_.publishers = options_.publishers;
    report_.in_flight = options_.in_flight;
    const auto connected = connect();
    if (!connected) {
      report_.failure = connected.error();
      return report_;
    }
    phase(options_.warmup);
    if (report_.failure.empty()) measure();
    report_.refused = ledger_.refused();
    report_.unanswered = ledger_.unanswered();
    report_.lost = ledger_.lost();
    report_.duplicated = ledger_.duplicated();
    report_.reordered = ledger_.reordered();
    report_.stray = ledger_.strays();
    report_.disconnected = subscribers_.disconnected();
    if (!publishers_.refusal().empty() && report_.failure.empty())
      report_.failure = "refused: " + publishers_.refusal();
    return report_;
  }

  void on_deliveries(Subscriber& subscriber, std::span<const Marker> markers, std::uint64_t now) override {
    for (const auto& marker : markers) {
      const auto stream = ledger_.stream_of(marker.index);
      if (!fanout_ && stream != subscriber.channel) {
        ledger_.stray();
        continue;
      }
      if (!ledger_.received(subscriber.trackers[fanout_ ? stream : 0], marker.index)) continue;
      latency_->record(now > marker.sent_ns ? now - marker.sent_ns : 0);
    }
    last_progress_ = now;
  }

  void on_answer(std::size_t /*publisher*/, const PublishedRange& range, std::size_t refused) override {
    ledger_.answered(range.first, refused == 0);
    last_progress_ = now_ns();
  }

 private:
  Outcome<void> connect() {
    if (auto connected = session_.connect(subscribers_); !connected) return connected;
    return publishers_.connect(session_.publish, options_.publishers, options_.size);
  }

  void measure() {
    latency_ = &report_.latency;
    const auto server_before = session_.settled_cpu();
    const auto own_before = own_cpu_seconds();
    const auto delivered_before = ledger_.delivered();
    const auto reads_before = subscribers_.reads();
    const auto start = now_ns();
    phase(options_.messages);
    report_.seconds = static_cast<double>(std::max(last_progress_, start) - start) / kNanos;
    report_.generator_cpu_seconds = own_cpu_seconds() - own_before;
    const auto server_after = session_.settled_cpu();
    if (server_before && server_after) report_.server_cpu_seconds = *server_after - *server_before;
    report_.published = ledger_.sent() - options_.warmup;
    report_.delivered = ledger_.delivered() - delivered_before;
    const auto reads = subscribers_.reads() - reads_before;
    if (reads > 0)
      report_.messages_per_read = static_cast<double>(report_.delivered) / static_cast<double>(reads);
  }

  /// Publishes the next `count` messages and waits until they are done, or nothing moves any more.
  void phase(std::size_t count) {
    const auto first = ledger_.sent();
    const auto end = first + static_cast<std::uint32_t>(count);
    const auto stall = static_cast<std::uint64_t>(std::chrono::nanoseconds(options_.stall).count());
    const auto start = now_ns();
    last_progress_ = start;
    while (ledger_.sent() < end || ledger_.in_flight() > 0) {
      const auto wait = options_.rate > 0 ? send_due(first, end, start) : send_allowed(end);
      publishers_.flush();
      for (const auto& event : session_.poller.wait(wait)) {
        if ((event.data.u64 & Publishers::kTag) != 0) {
          publishers_.on_event(event.data.u64, event.events);
        } else {
          subscribers_.on_event(event.data.u64, event.events);
        }
      }
      const auto now = now_ns();
      session_.progress.show("done", ledger_.sent() - ledger_.in_flight() - first, count, now);
      if (!publishers_.failure().empty()) return fail(publishers_.failure());
      if (now > session_.deadline) return fail("the time was up");
      if (now > last_progress_ + stall) return fail("nothing came any more");
    }
  }

  void fail(std::string why) {
    if (report_.failure.empty()) report_.failure = std::move(why);
  }

  std::uint64_t send_allowed(std::uint32_t end) {
    const auto now = now_ns();
    while (ledger_.sent() < end && ledger_.in_flight() < options_.in_flight) send(now);
    return kTurnLimit;
  }

  /// Open loop: sends what is due, stamped with when it was due, so that a server that falls behind cannot
  /// hide it. Returns how long nothing is due.
  std::uint64_t send_due(std::uint32_t first, std::uint32_t end, std::uint64_t start) {
    const auto now = now_ns();
    while (ledger_.sent() < end) {
      const auto due = start + static_cast<std::uint64_t>(static_cast<double>(ledger_.sent() - first) *
                                                          kNanos / options_.rate);
      if (due > now) return std::min(due - now, kTurnLimit);
      send(due);
    }
    return kTurnLimit;
  }

  void send(std::uint64_t stamp) {
    const auto index = ledger_.sent();
    const std::size_t channel = index % channels_;
    const auto publisher = fanout_ ? index % publishers_.size() : channel % publishers_.size();
    ledger_.sent(index);
    publishers_.publish(publisher, {.first = index, .count = 1, .sent_ns = stamp}, {&channel, 1});
  }

  Session& session_;
  const Options& options_;
  bool fanout_;
  std::size_t channels_;
  Subscribers subscribers_;
  Publishers publishers_;
  Ledger ledger_;
  Report report_;
  Histogram warmup_latency_;
  Histogram* latency_ = &warmup_latency_;
  std::uint64_t last_progress_ = 0;
};

}  // namespace

Report run_messages(Session& session) {
  return MessageRun(session).run();
}

}  // namespace carillon::cli::bench
