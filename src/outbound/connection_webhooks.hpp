#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "base/log_sampler.hpp"
#include "base/recorder.hpp"
#include "outbound/webhook_sender.hpp"
#include "ports/connection_events.hpp"
#include "ports/metric_set.hpp"

namespace carillon::outbound {

/// `[events]` of the configuration.
struct ConnectionWebhookSettings {
  WebhookReceiver on_connect;  ///< without a url: nobody is told
  WebhookReceiver on_disconnect;
  bool connect_may_reject = false;
  PostPlan plan = default_plan();
  PostPlan verdict_plan = default_verdict_plan();
  PostQueue::Limits limits;

  /// Eight attempts within about five minutes.
  static PostPlan default_plan();
  /// As many as there is time for in 9 seconds: clients wait for 10.
  static PostPlan default_verdict_plan();
};

/// Tells of connects and disconnects by signed webhooks: the events of one connection in their order, those
/// of others beside them, so that nobody waits for another's. With `connect_may_reject` the answer to a
/// connect decides on it. What the receiver may believe open is always told closed: a connect that ended
/// undecided, after an attempt that may have reached it and had no answer, is followed by a disconnect. The
/// port's on any thread.
class ConnectionWebhooks final : public ports::ConnectionEvents, public ports::MetricSource {
 public:
  /// Works on `loop`; must outlive its thread and the client's requests.
  ConnectionWebhooks(base::EventLoop& loop, ports::HttpClient& http, ConnectionWebhookSettings settings);

  bool decides() const override { return settings_.connect_may_reject && !settings_.on_connect.url.empty(); }
  void decide(ports::ConnectionView asking, std::stop_token client_gone,
              ports::Completion<void> verdict) override;
  void not_admitted(ports::ConnectionView asking) override;
  void connected(ports::ConnectionView connection) override;
  void disconnected(ports::ConnectionView last, ports::SocketEnd end) override;

  // These wait for the loop, which runs: not to be called on it.
  /// From its return on nobody is let in: who was to be is told of as not admitted.
  void admit_nobody();
  /// Waits until all is told, at most for `grace`; the rest is given up. To be called when no connection is
  /// left. Idempotent.
  void stop(std::chrono::milliseconds grace);

  void collect(ports::MetricSet& into) const override;

 private:
  enum Kind : std::size_t { kConnect, kDisconnect, kKinds };
  struct Event {
    Kind kind;
    ports::ConnectionView connection;
    std::string_view reason;  ///< of a disconnect, as its code
    std::uint16_t code = 0;
    base::EpochMs at = 0;
    ports::Completion<void> verdict;  ///< of a connect that waits for one, as the next
    std::stop_token client_gone;
  };
  struct Question;
  struct Counts {
    base::Counter sent, failed;
  };

  static Event not_admitted_event(ports::ConnectionView asking);
  void hand_over(Event event);
  void take_inbox();
  void tell(Event event);
  void ask(Event event);
  WebhookSender::Webhook webhook(const Event& event, std::move_only_function<void(const WebhookEnd&)> done);
  void on_verdict(Event& event, const WebhookEnd& end);
  void count(Kind kind, const WebhookEnd& end);
  void log_failed_attempt(const PostQueue::Post& post, int attempts, std::string_view reason);
  void report_later();
  void report_suppressed();

  base::EventLoop& loop_;
  const ConnectionWebhookSettings settings_;
  WebhookSender sender_;
  std::mutex mutex_;
  std::vector<Event> inbox_;
  bool admitting_ = true;  ///< loop only
  Counts counts_[kKinds];
  base::Counter rejected_by_receiver_, rejected_by_failure_;
  base::LogSampler failed_lines_{10}, given_up_lines_{10};
  boost::asio::steady_timer report_timer_;
  bool reporting_ = false;
};

}  // namespace carillon::outbound
