#include "observability/alarm_webhooks.hpp"

#include <optional>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "outbound/standard_webhooks.hpp"

namespace carillon::observability {
namespace {

using std::chrono::seconds;

constexpr seconds kAnswerTimeout{5};
constexpr std::size_t kMaxAnswerBytes = 65536;
constexpr std::size_t kIdBytes = 16;
constexpr std::string_view kStopping = "the service stops";

}  // namespace

struct AlarmWebhooks::Channel {
  std::string alarm;
  AlarmReceiver receiver;
  boost::asio::steady_timer timer;
  std::optional<Event> sending;
  std::deque<Event> waiting;
};

AlarmWebhooks::Pauses AlarmWebhooks::default_pauses() {
  return {seconds(1), seconds(5), seconds(30), seconds(120)};
}

AlarmWebhooks::AlarmWebhooks(base::EventLoop& loop, ports::HttpClient& http,
                             const std::map<std::string, AlarmReceiver>& receivers, Pauses pauses)
    : loop_(loop), http_(http), pauses_(std::move(pauses)) {
  for (const auto& [alarm, receiver] : receivers)
    channels_.emplace(alarm, std::make_unique<Channel>(
                                 Channel{alarm, receiver, boost::asio::steady_timer(loop.io()), {}, {}}));
}

AlarmWebhooks::~AlarmWebhooks() = default;

void AlarmWebhooks::notify(const metric_collector::AlarmChange& change) {
  const auto found = channels_.find(change.rule.name);
  if (found == channels_.end()) return;
  Channel& channel = *found->second;
  if (stopped_) return give_up(channel, kStopping);
  if (channel.waiting.size() >= kMaxWaiting) {
    give_up(channel, "too many wait");
    channel.waiting.pop_front();
  }
  channel.waiting.push_back({"alarm_" + base::random_token(kIdBytes), alarm_event_json(change)});
  send_next(channel);
}

void AlarmWebhooks::stop() {
  if (std::exchange(stopped_, true)) return;
  for (const auto& [alarm, channel] : channels_) {
    channel->timer.cancel();
    for (std::size_t left = channel->waiting.size() + (channel->sending ? 1 : 0); left > 0; --left)
      give_up(*channel, kStopping);
    channel->waiting.clear();
    channel->sending.reset();
  }
}

void AlarmWebhooks::send_next(Channel& channel) {
  if (channel.sending || channel.waiting.empty()) return;
  channel.sending = std::move(channel.waiting.front());
  channel.waiting.pop_front();
  attempt(channel);
}

void AlarmWebhooks::attempt(Channel& channel) {
  ++channel.sending->attempts;
  ports::OutboundRequest request;
  request.method = "POST";
  request.url = channel.receiver.url;
  request.timeout = kAnswerTimeout;
  request.max_response_bytes = kMaxAnswerBytes;
  request.body = channel.sending->body;
  request.headers =
      outbound::webhook_headers(channel.receiver.key, channel.sending->id, base::now_ms(), request.body);
  request.headers.emplace_back("content-type", "application/json");
  http_.send(std::move(request), [this, &channel](base::Result<ports::OutboundResponse> answer) {
    loop_.post([this, &channel, answer = std::move(answer)] { on_answer(channel, answer); });
  });
}

void AlarmWebhooks::on_answer(Channel& channel, const base::Result<ports::OutboundResponse>& answer) {
  if (stopped_) return;
  if (answer && answer->status >= 200 && answer->status <= 299) {
    sent_.add();
    channel.sending.reset();
    return send_next(channel);
  }
  const std::string reason = answer ? "status " + std::to_string(answer->status) : answer.error().details();
  const std::size_t attempts = channel.sending->attempts;
  if (attempts > pauses_.size()) {
    give_up(channel, reason);
    channel.sending.reset();
    return send_next(channel);
  }
  base::log::warn("alarm_webhook_failed", "a webhook did not take an alarm, and is tried again",
                  {{"alarm", channel.alarm}, {"attempt", attempts}, {"reason", reason}});
  channel.timer.expires_after(pauses_[attempts - 1]);
  channel.timer.async_wait([this, &channel](boost::system::error_code error) {
    if (!error && !stopped_) attempt(channel);
  });
}

void AlarmWebhooks::give_up(const Channel& channel, std::string_view reason) {
  failed_.add();
  base::log::error("alarm_webhook_given_up", "nobody was told of an alarm",
                   {{"alarm", channel.alarm}, {"reason", reason}});
}

void AlarmWebhooks::collect(ports::MetricSet& into) const {
  for (const auto& [result, counter] : {std::pair("sent", &sent_), std::pair("failed", &failed_)})
    into.counter("carillon_alarm_webhooks_total", "Changes of alarms that somebody was to be told of",
                 counter->value(), {{"result", result}});
}

}  // namespace carillon::observability
