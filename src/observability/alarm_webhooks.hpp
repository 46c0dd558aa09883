#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/event_loop.hpp"
#include "base/recorder.hpp"
#include "metric_collector/alarm_json.hpp"
#include "outbound/webhook_sender.hpp"
#include "ports/metric_set.hpp"

namespace carillon::observability {

/// Posts changes of alarms' states, signed per Standard Webhooks. One alarm's go out one after the other,
/// each tried again after every one of `pauses`, then given up: logged and counted. What waits is bounded:
/// the oldest gives way. What is not taken at stop() is given up. `loop` only, but for collect(); must
/// outlive the loop's thread and the client's requests.
class AlarmWebhooks final : public ports::MetricSource {
 public:
  using Pauses = std::vector<std::chrono::milliseconds>;
  using Receivers = std::map<std::string, outbound::WebhookReceiver>;  ///< by the alarm's name
  static constexpr std::size_t kMaxWaiting = 16;                       ///< of one alarm
  static Pauses default_pauses();

  AlarmWebhooks(base::EventLoop& loop, ports::HttpClient& http, Receivers receivers,
                Pauses pauses = default_pauses());

  void notify(const metric_collector::AlarmChange& change);
  /// Gives up what waits, what is under way and what comes later, without waiting for anything: each is
  /// counted and logged. Idempotent.
  void stop() { sender_.stop(); }

  void collect(ports::MetricSet& into) const override;

 private:
  void on_end(const std::string& alarm, const outbound::WebhookEnd& end);

  const Receivers receivers_;
  const outbound::PostPlan plan_;
  outbound::WebhookSender sender_;
  base::Counter sent_, failed_;
};

}  // namespace carillon::observability
