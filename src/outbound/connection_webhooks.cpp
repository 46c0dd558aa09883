#include "outbound/connection_webhooks.hpp"

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "model/errors.hpp"
#include "outbound/connection_event_json.hpp"

namespace carillon::outbound {
namespace {

namespace errors = model::errors;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kIdBytes = 16;
constexpr int kRejected = 403;
constexpr std::int64_t kRetryAfterMs = 1000;
constexpr std::uint16_t kAbnormal = 1006;
constexpr std::string_view kKindNames[] = {"connect", "disconnect"};
constexpr std::string_view kHeldBack = "lines were held back";

/// A connect that is to be decided on waits with its client: once taken in it stays until there is a verdict.
std::vector<PostQueue::WhenFull> groups_of(bool decides) {
  using enum PostQueue::WhenFull;
  return {decides ? newcomer_is_refused : oldest_gives_way, oldest_gives_way};
}

base::Error undecided() {
  return model::retry_later(errors::kUnavailable, kRetryAfterMs, "nobody decided on the connection in time");
}

}  // namespace

PostPlan ConnectionWebhookSettings::default_plan() {
  return {.pauses = {seconds(2), seconds(4), seconds(8), seconds(16), seconds(32), seconds(64), seconds(128)},
          .jitter = true};
}

PostPlan ConnectionWebhookSettings::default_verdict_plan() {
  return {.pauses = {milliseconds(250), milliseconds(500), seconds(1), seconds(2), seconds(4)},
          .jitter = true,
          .in_all = seconds(9)};
}

ConnectionWebhooks::ConnectionWebhooks(base::EventLoop& loop, ports::HttpClient& http,
                                       ConnectionWebhookSettings settings)
    : loop_(loop),
      settings_(std::move(settings)),
      sender_(loop, http, groups_of(decides()), settings_.limits,
              [this](const PostQueue::Post& post, int attempts, std::string_view reason) {
                log_failed_attempt(post, attempts, reason);
              }),
      report_timer_(loop.io()) {}

void ConnectionWebhooks::decide(ports::ConnectionView asking, std::stop_token client_gone,
                                ports::Completion<void> verdict) {
  hand_over({.kind = kConnect,
             .connection = std::move(asking),
             .at = base::now_ms(),
             .verdict = std::move(verdict),
             .client_gone = std::move(client_gone)});
}

void ConnectionWebhooks::not_admitted(ports::ConnectionView asking) {
  if (!settings_.on_disconnect.url.empty()) hand_over(not_admitted_event(std::move(asking)));
}

ConnectionWebhooks::Event ConnectionWebhooks::not_admitted_event(ports::ConnectionView asking) {
  return {.kind = kDisconnect,
          .connection = std::move(asking),
          .reason = kNotAdmitted,
          .code = kAbnormal,
          .at = base::now_ms()};
}

void ConnectionWebhooks::connected(ports::ConnectionView connection) {
  if (settings_.on_connect.url.empty()) return;
  hand_over({.kind = kConnect, .connection = std::move(connection), .at = base::now_ms()});
}

void ConnectionWebhooks::disconnected(ports::ConnectionView last, ports::SocketEnd end) {
  if (settings_.on_disconnect.url.empty()) return;
  hand_over({.kind = kDisconnect,
             .connection = std::move(last),
             .reason = disconnect_reason(end),
             .code = end.code,
             .at = base::now_ms()});
}

/// Not by posting each: what several threads post may overtake, and a disconnect must not its connect.
void ConnectionWebhooks::hand_over(Event event) {
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(event));
    if (inbox_.size() > 1) return;
  }
  loop_.post([this] { take_inbox(); });
}

void ConnectionWebhooks::take_inbox() {
  std::vector<Event> events;
  {
    const std::lock_guard lock(mutex_);
    events.swap(inbox_);
  }
  for (Event& each : events) tell(std::move(each));
}

void ConnectionWebhooks::tell(Event event) {
  if (event.verdict) return ask(std::move(event));
  sender_.send(webhook(event, [](const WebhookEnd&) {}));
}

WebhookSender::Webhook ConnectionWebhooks::webhook(const Event& event,
                                                   std::move_only_function<void(const WebhookEnd&)> done) {
  const Kind kind = event.kind;
  const PostPlan& plan = event.verdict ? settings_.verdict_plan : settings_.plan;
  return {.post = {.lane = event.connection.record->id.str(), .group = kind, .plan = &plan},
          .receiver = kind == kConnect ? &settings_.on_connect : &settings_.on_disconnect,
          .id = "event_" + base::random_token(kIdBytes),
          .body = kind == kConnect
                      ? connect_event_json(event.connection, event.at)
                      : disconnect_event_json(event.connection, event.reason, event.code, event.at),
          .refusal = event.verdict ? kRejected : 0,
          .done = [this, kind, done = std::move(done)](WebhookEnd end) mutable {
            count(kind, end);
            done(end);
          }};
}

/// A connect until its verdict. Its client may go meanwhile, on a thread of its own.
struct ConnectionWebhooks::Question {
  Event event;
  std::optional<std::stop_callback<std::function<void()>>> on_client_gone;
};

void ConnectionWebhooks::ask(Event event) {
  if (event.client_gone.stop_requested()) return event.verdict(std::unexpected(undecided()));
  auto question = std::make_shared<Question>(std::move(event));
  const auto number = sender_.send(webhook(question->event, [this, question](const WebhookEnd& end) {
    question->on_client_gone.reset();
    on_verdict(question->event, end);
  }));
  if (!number || !question->event.verdict) return;
  question->on_client_gone.emplace(question->event.client_gone, [this, number = *number] {
    loop_.post([this, number] { sender_.withdraw(number); });
  });
}

void ConnectionWebhooks::on_verdict(Event& event, const WebhookEnd& end) {
  using How = WebhookEnd::How;
  ports::Completion<void> verdict = std::exchange(event.verdict, nullptr);
  const bool taken = end.how == How::taken;
  if (taken && admitting_ && !event.client_gone.stop_requested()) return verdict({});
  if (end.how == How::refused) {
    rejected_by_receiver_.add();
    return verdict(model::fail(errors::kConnectionRejected));
  }
  if (!event.client_gone.stop_requested()) rejected_by_failure_.add();
  // Not through the inbox: the sender must have it before it looks whether all is over.
  if ((taken || end.may_be_known) && !settings_.on_disconnect.url.empty())
    tell(not_admitted_event(event.connection));
  verdict(std::unexpected(undecided()));
}

void ConnectionWebhooks::count(Kind kind, const WebhookEnd& end) {
  if (end.how == WebhookEnd::How::withdrawn) return;
  if (end.how != WebhookEnd::How::given_up) return counts_[kind].sent.add();
  counts_[kind].failed.add();
  if (given_up_lines_.allow(base::monotonic_now()))
    base::log::error("connection_event_given_up", "nobody was told of a connect or disconnect",
                     {{"event", kKindNames[kind]}, {"reason", end.reason}});
  else
    report_later();
}

void ConnectionWebhooks::log_failed_attempt(const PostQueue::Post& post, int attempts,
                                            std::string_view reason) {
  if (failed_lines_.allow(base::monotonic_now()))
    base::log::warn("connection_event_failed",
                    "a webhook did not take a connect or disconnect, and is tried again",
                    {{"event", kKindNames[post.group]},
                     {"connectionId", post.lane},
                     {"attempt", attempts},
                     {"reason", reason}});
  else
    report_later();
}

void ConnectionWebhooks::report_later() {
  if (std::exchange(reporting_, true)) return;
  report_timer_.expires_after(seconds(1));
  report_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) report_suppressed();
  });
}

void ConnectionWebhooks::report_suppressed() {
  reporting_ = false;
  if (const std::uint64_t count = failed_lines_.take_suppressed(); count > 0)
    base::log::warn("connection_event_failed_sampled", kHeldBack,
                    {{"count", count}, {"total", failed_lines_.suppressed()}});
  if (const std::uint64_t count = given_up_lines_.take_suppressed(); count > 0)
    base::log::error("connection_event_given_up_sampled", kHeldBack,
                     {{"count", count}, {"total", given_up_lines_.suppressed()}});
}

void ConnectionWebhooks::admit_nobody() {
  std::promise<void> done;
  loop_.post([this, &done] {
    admitting_ = false;
    done.set_value();
  });
  done.get_future().wait();
}

void ConnectionWebhooks::stop(milliseconds grace) {
  std::promise<void> over;
  loop_.post([this, grace, &over] {
    admitting_ = false;
    take_inbox();
    sender_.finish(grace, [this, &over] {
      report_suppressed();
      over.set_value();
    });
  });
  over.get_future().wait();
}

void ConnectionWebhooks::collect(ports::MetricSet& into) const {
  for (std::size_t kind = 0; kind < kKinds; ++kind)
    for (const auto& [result, counter] :
         {std::pair("sent", &counts_[kind].sent), std::pair("failed", &counts_[kind].failed)})
      into.counter("carillon_connection_events_total",
                   "Connects and disconnects that somebody was to be told of", counter->value(),
                   {{"event", std::string(kKindNames[kind])}, {"result", result}});
  into.gauge("carillon_connection_events_waiting", "Connects and disconnects that nobody was told of yet",
             static_cast<double>(sender_.waiting()));
  for (const auto& [by, counter] :
       {std::pair("receiver", &rejected_by_receiver_), std::pair("failure", &rejected_by_failure_)})
    into.counter("carillon_connects_rejected_total",
                 "Connects that the receiver of connection events refused, or did not decide on",
                 counter->value(), {{"by", by}});
  ports::collect_suppressed(into, "connection_event_failed", failed_lines_.suppressed());
  ports::collect_suppressed(into, "connection_event_given_up", given_up_lines_.suppressed());
}

}  // namespace carillon::outbound
