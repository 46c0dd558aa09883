#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "outbound/post_queue.hpp"
#include "outbound/webhook_request.hpp"
#include "ports/http_client.hpp"

namespace carillon::outbound {

/// How a webhook ended.
struct WebhookEnd {
  enum class How : std::uint8_t {
    taken,    ///< the receiver answered 2xx
    refused,  ///< it answered the webhook's `refusal`
    given_up,
    withdrawn,  ///< neither before withdraw(), nor by the attempt that was under way then
  };
  How how = How::given_up;
  std::string reason;         ///< why it was given up
  bool may_be_known = false;  ///< an attempt got there, or may have, without an answer: it may be taken
};

/// Posts webhooks signed per Standard Webhooks, in the order and with the bounds of PostQueue; each attempt
/// of one carries the same webhook-id. `loop` only but for waiting(); must outlive the loop's thread and the
/// client's requests.
class WebhookSender {
 public:
  struct Webhook {
    PostQueue::Post post;
    const WebhookReceiver* receiver = nullptr;  ///< must outlive the sender
    std::string id;
    std::string body;
    int refusal = 0;  ///< a status that is an answer too, and no failure
    /// Once, on the loop, maybe before send() returns; never from within another's.
    std::move_only_function<void(WebhookEnd)> done;
  };
  /// Told of every failed attempt that is followed by another one: lane, group, attempts made, reason.
  using AttemptFailed = std::function<void(const PostQueue::Post&, int, std::string_view)>;

  WebhookSender(base::EventLoop& loop, ports::HttpClient& http,
                const std::vector<PostQueue::WhenFull>& groups, PostQueue::Limits limits,
                AttemptFailed attempt_failed);

  /// Its number, for withdraw(); nothing when it was refused for want of room or after stop().
  std::optional<PostQueue::Number> send(Webhook webhook);
  /// Nobody wants it sent any more: no further attempt. One that is under way is waited for. Ignored when it
  /// is over.
  void withdraw(PostQueue::Number number);
  /// Gives up everything that is not taken within `grace`, and what cannot get its next attempt by then at
  /// once; then stop(), then `done`.
  void finish(std::chrono::milliseconds grace, std::move_only_function<void()> done);
  /// Gives up what waits, what is under way and what comes later. Idempotent.
  void stop();

  /// What is not over yet. Any thread.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  struct Sending {
    Webhook webhook;
    bool may_be_known = false;
    bool withdrawn = false;
  };
  struct Ended {
    std::move_only_function<void(WebhookEnd)> done;
    WebhookEnd end;
  };
  void pump();
  void attempt(PostQueue::Number number);
  void on_answer(PostQueue::Number number, const base::Result<ports::OutboundResponse>& answer);
  void end(PostQueue::Number number, WebhookEnd::How how, std::string reason);
  void give_up(const std::vector<PostQueue::Number>& numbers, std::string_view reason);
  void give_up_all();
  void wait();
  bool is_over() const;
  void tell();

  base::EventLoop& loop_;
  ports::HttpClient& http_;
  const AttemptFailed attempt_failed_;
  PostQueue queue_;
  std::unordered_map<PostQueue::Number, Sending> sending_;
  std::deque<Ended> ended_;  ///< to be told
  bool telling_ = false;
  boost::asio::steady_timer timer_;
  base::Monotonic finish_by_ = base::Monotonic::max();
  std::move_only_function<void()> finished_;
  bool stopped_ = false;
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace carillon::outbound
