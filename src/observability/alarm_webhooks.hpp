#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "base/recorder.hpp"
#include "metric_collector/alarm_json.hpp"
#include "ports/http_client.hpp"
#include "ports/metric_set.hpp"

namespace carillon::observability {

/// Whom an alarm tells.
struct AlarmReceiver {
  std::string url;
  std::string key;  ///< outbound::webhook_key() of the configured secret
};

/// Posts changes of alarms' states, signed per Standard Webhooks. One alarm's go out one after the other,
/// each tried again after every one of `pauses`, then given up: logged and counted. What waits is bounded:
/// the oldest gives way. What is not taken at stop() is given up. `loop` only, but for collect(); must
/// outlive the loop's thread and the client's requests.
class AlarmWebhooks final : public ports::MetricSource {
 public:
  using Pauses = std::vector<std::chrono::milliseconds>;
  static constexpr std::size_t kMaxWaiting = 16;  ///< of one alarm
  static Pauses default_pauses();

  /// `receivers` by the alarm's name.
  AlarmWebhooks(base::EventLoop& loop, ports::HttpClient& http,
                const std::map<std::string, AlarmReceiver>& receivers, Pauses pauses = default_pauses());
  ~AlarmWebhooks() override;

  void notify(const metric_collector::AlarmChange& change);
  /// Gives up what waits, what is under way and what comes later, without waiting for anything: each is
  /// counted and logged. Idempotent.
  void stop();

  void collect(ports::MetricSet& into) const override;

 private:
  struct Event {
    std::string id;
    std::string body;
    std::size_t attempts = 0;
  };
  struct Channel;
  void send_next(Channel& channel);
  void attempt(Channel& channel);
  void on_answer(Channel& channel, const base::Result<ports::OutboundResponse>& answer);
  void give_up(const Channel& channel, std::string_view reason);

  base::EventLoop& loop_;
  ports::HttpClient& http_;
  const Pauses pauses_;
  std::map<std::string, std::unique_ptr<Channel>> channels_;
  bool stopped_ = false;
  base::Counter sent_, failed_;
};

}  // namespace carillon::observability
