#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "authorizer/jwt_verifier.hpp"
#include "comments_api/websocket_service.hpp"
#include "model/json.hpp"

namespace carillon::comments_api {

inline authorizer::Settings token_settings() {
  authorizer::Settings settings;
  settings.issuer = "https://issuer.example";
  settings.audience = {"carillon"};
  settings.hs256_secret = std::string(32, 'k');
  return settings;
}

/// A Carillon that answers when it is told to, a clock that stands until it is turned, and the loop between.
/// One thread.
class FakeCarillon final : public ports::HttpClient {
 public:
  struct Call {
    ports::OutboundRequest request;
    ports::Completion<ports::OutboundResponse> done;

    std::string header(std::string_view name) const {
      for (const auto& [each, value] : request.headers)
        if (each == name) return value;
      return {};
    }
    /// A member of the body's `data`, or of the body itself, as text.
    std::string data(const char* name) const { return text(document().at("data").as_object(), name); }
    std::string body(const char* name) const { return text(document(), name); }

   private:
    boost::json::object document() const { return boost::json::parse(request.body).as_object(); }
    static std::string text(const boost::json::object& object, const char* name) {
      const auto* value = object.if_contains(name);
      return !value               ? "(absent)"
             : value->is_string() ? std::string(value->as_string())
                                  : boost::json::serialize(*value);
    }
  };

  void send(ports::OutboundRequest request, ports::Completion<ports::OutboundResponse> done) override {
    ++sent;
    if (refuses_at_once) return done(model::fail(model::errors::kUnavailable, "refused at once"));
    calls.push_back({std::move(request), std::move(done)});
  }

  WebSocketService::Later later() {
    return [this](std::chrono::milliseconds delay, WebSocketService::Task task) {
      tasks_.emplace(now.monotonic + delay, std::move(task));
    };
  }
  authorizer::Clock clock() {
    return [this] { return now; };
  }

  /// Runs what is due.
  void run() {
    while (!tasks_.empty() && tasks_.begin()->first <= now.monotonic) {
      auto task = std::move(tasks_.extract(tasks_.begin()).mapped());
      task();
    }
  }
  void pass(std::chrono::milliseconds time) {
    now.monotonic += time;
    now.wall += time.count();
    run();
  }
  /// Turns the clock to the next thing that is due; false when nothing is.
  bool pass_to_next() {
    if (tasks_.empty()) return false;
    const auto wait = tasks_.begin()->first - now.monotonic;
    pass(std::chrono::ceil<std::chrono::milliseconds>(std::max(wait, decltype(wait)::zero())));
    return true;
  }

  /// Answers the oldest call.
  void answer(int status, std::string body = "{}") {
    auto done = std::move(take().done);
    done(ports::OutboundResponse{status, std::move(body)});
    run();
  }
  void fail() {
    auto done = std::move(take().done);
    done(model::fail(model::errors::kUnavailable, "connection refused"));
    run();
  }
  Call take() {
    Call call = std::move(calls.front());
    calls.pop_front();
    return call;
  }

  std::deque<Call> calls;
  int sent = 0;
  bool refuses_at_once = false;
  authorizer::Time now{1'700'000'000'000, base::Monotonic() + std::chrono::hours(1)};

 private:
  std::multimap<base::Monotonic, WebSocketService::Task> tasks_;
};

}  // namespace carillon::comments_api
