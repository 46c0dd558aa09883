#include "observability/alarm_webhooks.hpp"

#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace carillon::observability {
namespace {

using std::chrono::seconds;

constexpr std::size_t kIdBytes = 16;

void log_failed_attempt(const outbound::PostQueue::Post& post, int attempts, std::string_view reason) {
  base::log::warn("alarm_webhook_failed", "a webhook did not take an alarm, and is tried again",
                  {{"alarm", post.lane}, {"attempt", attempts}, {"reason", reason}});
}

}  // namespace

AlarmWebhooks::Pauses AlarmWebhooks::default_pauses() {
  return {seconds(1), seconds(5), seconds(30), seconds(120)};
}

AlarmWebhooks::AlarmWebhooks(base::EventLoop& loop, ports::HttpClient& http, Receivers receivers,
                             Pauses pauses)
    : receivers_(std::move(receivers)),
      plan_{.pauses = std::move(pauses)},
      sender_(loop, http, {outbound::PostQueue::WhenFull::oldest_gives_way}, {.waiting_in_lane = kMaxWaiting},
              log_failed_attempt) {}

void AlarmWebhooks::notify(const metric_collector::AlarmChange& change) {
  const auto found = receivers_.find(change.rule.name);
  if (found == receivers_.end()) return;
  sender_.send({.post = {.lane = found->first, .plan = &plan_},
                .receiver = &found->second,
                .id = "alarm_" + base::random_token(kIdBytes),
                .body = alarm_event_json(change),
                .done = [this, &alarm = found->first](outbound::WebhookEnd end) { on_end(alarm, end); }});
}

void AlarmWebhooks::on_end(const std::string& alarm, const outbound::WebhookEnd& end) {
  if (end.how == outbound::WebhookEnd::How::taken) return sent_.add();
  failed_.add();
  base::log::error("alarm_webhook_given_up", "nobody was told of an alarm",
                   {{"alarm", alarm}, {"reason", end.reason}});
}

void AlarmWebhooks::collect(ports::MetricSet& into) const {
  for (const auto& [result, counter] : {std::pair("sent", &sent_), std::pair("failed", &failed_)})
    into.counter("carillon_alarm_webhooks_total", "Changes of alarms that somebody was to be told of",
                 counter->value(), {{"result", result}});
}

}  // namespace carillon::observability
