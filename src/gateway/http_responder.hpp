#pragma once

#include <memory>
#include <utility>

#include "gateway/gateway_loop.hpp"
#include "gateway/http_session.hpp"

namespace carillon::gateway {

/// Carries the one answer of a route back to its exchange, from any thread. Destroyed without an answer it
/// answers 500, so that no client waits for a request that was lost.
class HttpResponder {
 public:
  HttpResponder(std::shared_ptr<GatewayLoop> loop, std::weak_ptr<HttpSession> session, std::uint64_t number)
      : loop_(std::move(loop)), session_(std::move(session)), number_(number) {}
  HttpResponder(HttpResponder&&) = default;
  HttpResponder& operator=(HttpResponder&&) = delete;
  ~HttpResponder() {
    if (loop_) hand_in(model::Error(model::errors::kInternal));
  }

  void operator()(ports::HttpResponse response) {
    if (loop_) hand_in(std::move(response));
  }

 private:
  template <typename Answer>
  void hand_in(Answer answer) {
    const auto loop = std::exchange(loop_, nullptr);
    loop->run([session = std::move(session_), number = number_, answer = std::move(answer)]() mutable {
      if (const auto alive = session.lock()) alive->answer(number, std::move(answer));
    });
  }

  std::shared_ptr<GatewayLoop> loop_;
  std::weak_ptr<HttpSession> session_;
  std::uint64_t number_;
};

}  // namespace carillon::gateway
