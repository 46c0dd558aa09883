#include "comments_api/websocket_service.hpp"

#include <utility>

#include "authorizer/token_minter.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "comments_api/comment_json.hpp"
#include "model/json.hpp"

namespace carillon::comments_api {

using comment_store::Comment;
using ports::OutboundRequest;
using ports::OutboundResponse;

namespace {

namespace errors = model::errors;
namespace log = base::log;

constexpr const char* kUser = "comments-api";
constexpr std::chrono::seconds kTokenLifetime{300};
constexpr base::EpochMs kTokenUsedMs = 240'000;
constexpr std::size_t kMaxAnswerBytes = 16 * 1024;
/// The order of what belongs to no post; posts' names are never empty.
constexpr const char* kNoPost = "";

std::uint64_t random_number() {
  std::uint64_t number = 0;
  base::random_bytes(reinterpret_cast<std::uint8_t*>(&number), sizeof(number));
  return number;
}

std::string comment_data(const Comment& comment) {
  std::string data = "{\"postId\":" + base::json_string(comment.post.str()) + ",\"comment\":";
  append_comment(data, comment);
  return data + '}';
}

/// Whether the same request may succeed later.
bool may_pass(const base::Result<OutboundResponse>& answer) {
  return !answer || answer->status >= 500 || answer->status == 429 || answer->status == 408;
}

std::string reason_of(const base::Result<OutboundResponse>& answer) {
  return answer ? "answered " + std::to_string(answer->status) : answer.error().details();
}

}  // namespace

WebSocketService::WebSocketService(Settings settings, ports::HttpClient& client, Later later,
                                   authorizer::Clock clock)
    : settings_(std::move(settings)), client_(client), later_(std::move(later)), clock_(std::move(clock)) {}

void WebSocketService::broadcast_to_all(const std::string& order, std::string_view type,
                                        std::string_view data) {
  if (waiting_ >= settings_.max_waiting) {
    ++figures_.dropped;
    return log_failure(type, "too many wait");
  }
  const authorizer::Time now = clock_();
  Broadcast broadcast;
  broadcast.type = type;
  broadcast.body = "{\"type\":" + base::json_string(type) + ",\"data\":";
  broadcast.body += data;
  broadcast.body += ",\"timestamp\":\"" + base::iso8601(now.wall) + "\"}";
  broadcast.key = base::MessageId::generate(now.wall).str();
  broadcast.asked_at = now.monotonic;
  ++waiting_;
  auto& lane = lanes_[order];
  lane.push_back(std::move(broadcast));
  if (lane.size() == 1) send_first(order);
}

void WebSocketService::broadcast_new_comment(const Comment& comment) {
  broadcast_to_all(comment.post.str(), "comment.created", comment_data(comment));
}

void WebSocketService::broadcast_comment_update(const Comment& comment) {
  broadcast_to_all(comment.post.str(), "comment.updated", comment_data(comment));
}

void WebSocketService::broadcast_comment_deleted(const comment_store::PostId& post,
                                                 const comment_store::CommentId& id) {
  broadcast_to_all(post.str(), "comment.deleted",
                   "{\"postId\":" + base::json_string(post.str()) + ",\"commentId\":\"" + id.str() + "\"}");
}

void WebSocketService::broadcast_comments_list(const comment_store::PostId& post,
                                               const comment_store::CommentPage& page) {
  broadcast_to_all(post.str(), "comments.list", open_comments(post, page) + '}');
}

void WebSocketService::broadcast_test(std::string_view message) {
  broadcast_to_all(kNoPost, "test", "{\"message\":" + base::json_string(message) + "}");
}

/// A token of our own with carillon/publish, made anew before it is old.
model::Result<std::string> WebSocketService::authorization() {
  const base::EpochMs now = clock_().wall;
  if (token_.empty() || now >= token_until_ || token_until_ - now > kTokenUsedMs) {
    auto token = authorizer::mint_token(
        settings_.tokens, {.user = kUser, .scopes = {"carillon/publish"}, .lifetime = kTokenLifetime}, now);
    if (!token) return token;
    token_ = std::move(*token);
    token_until_ = now + kTokenUsedMs;
  }
  return "Bearer " + token_;
}

/// Sends with our token; `done` runs on the loop, and not at all once we are gone.
void WebSocketService::ask(OutboundRequest request, ports::Completion<OutboundResponse> done) {
  auto on_loop = [later = later_, weak = weak_from_this(),
                  done = std::move(done)](base::Result<OutboundResponse> answer) mutable {
    later({}, [weak = std::move(weak), done = std::move(done), answer = std::move(answer)]() mutable {
      if (const auto alive = weak.lock()) done(std::move(answer));
    });
  };
  auto bearer = authorization();
  if (!bearer) return on_loop(std::unexpected(bearer.error()));
  request.headers.emplace_back("Authorization", std::move(*bearer));
  request.timeout = settings_.timeout;
  request.max_response_bytes = kMaxAnswerBytes;
  client_.send(std::move(request), std::move(on_loop));
}

void WebSocketService::send_first(const std::string& order) {
  const Broadcast& broadcast = lanes_.at(order).front();
  OutboundRequest request;
  request.method = "POST";
  request.url = settings_.endpoint + "/broadcast";
  request.headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", broadcast.key}};
  request.body = broadcast.body;
  ask(std::move(request),
      [this, order](base::Result<OutboundResponse> answer) { on_answer(order, std::move(answer)); });
}

void WebSocketService::on_answer(const std::string& order, base::Result<OutboundResponse> answer) {
  Broadcast& broadcast = lanes_.at(order).front();
  ++broadcast.attempts;
  if (answer && answer->status >= 200 && answer->status < 300) {
    ++figures_.sent;
    return next(order);
  }
  const auto delay = settings_.retry.delay(broadcast.attempts, random_number());
  const bool late = clock_().monotonic + delay - broadcast.asked_at > settings_.max_age;
  if (!may_pass(answer) || settings_.retry.exhausted(broadcast.attempts) || late) {
    give_up(broadcast, reason_of(answer));
    return next(order);
  }
  later_(delay, [weak = weak_from_this(), order] {
    if (const auto self = weak.lock()) self->send_first(order);
  });
}

void WebSocketService::give_up(const Broadcast& broadcast, std::string_view reason) {
  ++figures_.failed;
  log_failure(broadcast.type, reason);
}

/// The first of the lane is done with; those behind it that are too old by now are not sent at all.
void WebSocketService::next(const std::string& order) {
  auto& lane = lanes_.at(order);
  const base::Monotonic now = clock_().monotonic;
  do {
    lane.pop_front();
    --waiting_;
    if (lane.empty() || now - lane.front().asked_at <= settings_.max_age) break;
    give_up(lane.front(), "waited too long");
  } while (true);
  if (!lane.empty()) return send_first(order);
  lanes_.erase(order);
  if (waiting_ > 0) return;
  for (Task& task : std::exchange(idle_, {})) task();
}

void WebSocketService::count_connections(ports::Completion<std::uint64_t> done) {
  if (questions_ >= kMaxQuestions)
    return done(std::unexpected(model::retry_later(errors::kOverloaded, 1000)));
  ++questions_;
  OutboundRequest request;
  request.url = settings_.endpoint + "/websocket/connections";
  ask(std::move(request), [this, done = std::move(done)](base::Result<OutboundResponse> answer) mutable {
    --questions_;
    const auto refuse = [&] { done(model::fail(errors::kUnavailable, "Carillon does not answer")); };
    if (!answer || answer->status != 200) return refuse();
    const auto document = model::JsonDocument::parse(answer->body);
    const auto* count = document ? document->object().if_contains("count") : nullptr;
    if (!count || !count->is_number()) return refuse();
    boost::system::error_code inexact;
    const auto number = count->to_number<std::uint64_t>(inexact);
    if (inexact) return refuse();
    done(number);
  });
}

void WebSocketService::when_idle(Task task) {
  if (waiting_ == 0) return task();
  idle_.push_back(std::move(task));
}

void WebSocketService::log_failure(std::string_view type, std::string_view reason) {
  if (!logged_.allow(clock_().monotonic)) return;
  log::warn("broadcast_failed", "a broadcast did not reach Carillon",
            {{"type", type}, {"reason", reason}, {"held_back", logged_.take_suppressed()}});
}

}  // namespace carillon::comments_api
