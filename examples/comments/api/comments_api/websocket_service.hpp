#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "authorizer/settings.hpp"
#include "authorizer/time.hpp"
#include "base/log_sampler.hpp"
#include "bus/retry_policy.hpp"
#include "comment_store/comment_table.hpp"
#include "ports/http_client.hpp"

namespace carillon::comments_api {

/// Tells everybody who is connected what happened to comments, through Carillon's `POST /broadcast`. Nobody
/// waits for it: what cannot be sent is tried again for a while, then counted and logged. Broadcasts of one
/// post go out one after the other, in the order they were asked for; posts do not wait for one another.
///
/// One loop calls it. Held by shared_ptr, as answers may come when its owner is gone.
/// Source: seed comments-realtime, WebSocket Service (apigateway_websocket_service).
class WebSocketService : public std::enable_shared_from_this<WebSocketService> {
 public:
  using Task = std::move_only_function<void()>;
  /// Runs a task on the loop, after a delay; 0 from any thread.
  using Later = std::function<void(std::chrono::milliseconds delay, Task task)>;

  struct Settings {
    std::string endpoint;
    authorizer::Settings tokens;
    std::size_t max_waiting = 1024;  ///< over it, broadcasts are dropped
    std::chrono::seconds max_age{30};
    std::chrono::milliseconds timeout{5000};
    bus::RetryPolicy retry{
        .max_attempts = 7, .base = std::chrono::milliseconds(250), .max_delay = std::chrono::seconds(5)};
  };
  struct Figures {
    std::uint64_t sent = 0, failed = 0, dropped = 0;
  };
  static constexpr std::size_t kMaxQuestions = 8;

  /// `client` must outlive every answer.
  WebSocketService(Settings settings, ports::HttpClient& client, Later later, authorizer::Clock clock);

  /// `{"type","data","timestamp"}` to every connection, after all that was asked for with the same `order`.
  /// `data` is JSON.
  void broadcast_to_all(const std::string& order, std::string_view type, std::string_view data);
  void broadcast_new_comment(const comment_store::Comment& comment);
  void broadcast_comment_update(const comment_store::Comment& comment);
  void broadcast_comment_deleted(const comment_store::PostId& post, const comment_store::CommentId& id);
  void broadcast_comments_list(const comment_store::PostId& post, const comment_store::CommentPage& page);
  void broadcast_test(std::string_view message);

  /// How many connections Carillon has. Completes on the loop. Errors: unavailable, overloaded over
  /// kMaxQuestions at once.
  void count_connections(ports::Completion<std::uint64_t> done);

  const Figures& figures() const { return figures_; }
  std::size_t waiting() const { return waiting_; }
  /// Runs once nothing waits any more; at once when nothing does.
  void when_idle(Task task);

 private:
  struct Broadcast {
    std::string type, body, key;
    base::Monotonic asked_at;
    int attempts = 0;
  };
  using Lanes = std::unordered_map<std::string, std::deque<Broadcast>>;

  model::Result<std::string> authorization();
  void send_first(const std::string& order);
  void on_answer(const std::string& order, base::Result<ports::OutboundResponse> answer);
  void give_up(const Broadcast& broadcast, std::string_view reason);
  void next(const std::string& order);
  void ask(ports::OutboundRequest request, ports::Completion<ports::OutboundResponse> done);
  void log_failure(std::string_view type, std::string_view reason);

  const Settings settings_;
  ports::HttpClient& client_;
  const Later later_;
  const authorizer::Clock clock_;
  Lanes lanes_;  ///< of each the first is under way, or waits for its next attempt
  std::size_t waiting_ = 0;
  std::size_t questions_ = 0;
  std::string token_;
  base::EpochMs token_until_ = 0;
  Figures figures_;
  base::LogSampler logged_{5};
  std::vector<Task> idle_;
};

}  // namespace carillon::comments_api
