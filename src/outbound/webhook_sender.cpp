#include "outbound/webhook_sender.hpp"

#include <algorithm>
#include <utility>

#include "base/ids.hpp"

namespace carillon::outbound {
namespace {

constexpr std::string_view kStopping = "the service stops";
constexpr std::string_view kNoRoom = "too many wait";
constexpr std::string_view kTooLate = "took too long";

std::uint64_t random_number() {
  std::uint64_t number = 0;
  base::random_bytes(reinterpret_cast<std::uint8_t*>(&number), sizeof(number));
  return number;
}

}  // namespace

WebhookSender::WebhookSender(base::EventLoop& loop, ports::HttpClient& http,
                             const std::vector<PostQueue::WhenFull>& groups, PostQueue::Limits limits,
                             AttemptFailed attempt_failed)
    : loop_(loop),
      http_(http),
      attempt_failed_(std::move(attempt_failed)),
      queue_(groups, limits),
      timer_(loop.io()) {}

std::optional<PostQueue::Number> WebhookSender::send(Webhook webhook) {
  std::optional<PostQueue::Number> number;
  std::vector<PostQueue::Number> given_up;
  webhook.post.bytes = webhook.body.size();
  if (!stopped_) number = queue_.add(webhook.post, base::monotonic_now(), given_up);
  if (number)
    sending_.emplace(*number, Sending{.webhook = std::move(webhook)});
  else
    ended_.push_back({std::move(webhook.done),
                      {.how = WebhookEnd::How::given_up, .reason{stopped_ ? kStopping : kNoRoom}}});
  give_up(given_up, kNoRoom);
  pump();
  tell();
  return number;
}

void WebhookSender::withdraw(PostQueue::Number number) {
  const auto found = sending_.find(number);
  if (found == sending_.end()) return;
  found->second.withdrawn = true;
  if (queue_.withdraw(number)) end(number, WebhookEnd::How::withdrawn, {});
  pump();
  tell();
}

void WebhookSender::pump() {
  if (stopped_) return;
  std::vector<PostQueue::Number> to_send, late;
  queue_.take(base::monotonic_now(), to_send, late);
  for (const PostQueue::Number each : to_send) attempt(each);
  give_up(late, kTooLate);
  wait();
}

void WebhookSender::wait() {
  const auto due = queue_.next_due();
  if (stopped_ || (!due && finish_by_ == base::Monotonic::max())) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(std::min(due.value_or(base::Monotonic::max()), finish_by_));
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    pump();
    tell();
  });
}

void WebhookSender::attempt(PostQueue::Number number) {
  const Webhook& webhook = sending_.at(number).webhook;
  http_.send(webhook_request(*webhook.receiver, webhook.id, webhook.body, base::now_ms(),
                             queue_.time_for(number, base::monotonic_now())),
             [this, number](base::Result<ports::OutboundResponse> answer) {
               loop_.post([this, number, answer = std::move(answer)] { on_answer(number, answer); });
             });
}

void WebhookSender::on_answer(PostQueue::Number number, const base::Result<ports::OutboundResponse>& answer) {
  const auto found = sending_.find(number);
  if (found == sending_.end()) return;
  const auto reason = why_not_taken(answer);
  Sending& sending = found->second;
  const bool refused = answer && answer->status == sending.webhook.refusal;
  if (!reason || refused) {
    queue_.settle(number);
    end(number, reason ? WebhookEnd::How::refused : WebhookEnd::How::taken, {});
  } else {
    if (!answer && !answer.error().is(ports::kNotSent)) sending.may_be_known = true;
    const PostQueue::Failure failure = queue_.fail(number, base::monotonic_now(), random_number());
    if (!failure.given_up)
      attempt_failed_(sending.webhook.post, failure.attempts, *reason);
    else
      end(number, sending.withdrawn ? WebhookEnd::How::withdrawn : WebhookEnd::How::given_up, *reason);
  }
  pump();
  tell();
}

/// It is out of the queue. Who waits for it is told by tell(), when nothing is half done.
void WebhookSender::end(PostQueue::Number number, WebhookEnd::How how, std::string reason) {
  auto node = sending_.extract(number);
  ended_.push_back(
      {std::move(node.mapped().webhook.done), {how, std::move(reason), node.mapped().may_be_known}});
}

/// Whoever is told may call anything here: what ends by that is told by the same loop.
void WebhookSender::tell() {
  if (std::exchange(telling_, true)) return;
  for (;;) {
    while (!ended_.empty()) {
      Ended each = std::move(ended_.front());
      ended_.pop_front();
      each.done(std::move(each.end));
    }
    if (!is_over()) break;
    give_up_all();
  }
  telling_ = false;
  waiting_.store(sending_.size(), std::memory_order_relaxed);
  if (stopped_ && finished_) std::exchange(finished_, nullptr)();
}

void WebhookSender::give_up(const std::vector<PostQueue::Number>& numbers, std::string_view reason) {
  for (const PostQueue::Number each : numbers) end(each, WebhookEnd::How::given_up, std::string(reason));
}

void WebhookSender::finish(std::chrono::milliseconds grace, std::move_only_function<void()> done) {
  finished_ = std::move(done);
  finish_by_ = base::monotonic_now() + grace;
  pump();
  tell();
}

bool WebhookSender::is_over() const {
  if (!finished_ || stopped_) return false;
  const auto due = queue_.next_due();
  const bool nothing_comes = queue_.under_way() == 0 && (!due || *due >= finish_by_);
  return nothing_comes || base::monotonic_now() >= finish_by_;
}

void WebhookSender::stop() {
  give_up_all();
  tell();
}

void WebhookSender::give_up_all() {
  if (std::exchange(stopped_, true)) return;
  timer_.cancel();
  std::vector<PostQueue::Number> left;
  for (const auto& [number, each] : sending_) left.push_back(number);
  std::ranges::sort(left);
  give_up(left, kStopping);
}

}  // namespace carillon::outbound
