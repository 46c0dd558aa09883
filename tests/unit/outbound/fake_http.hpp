#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "model/errors.hpp"
#include "ports/http_client.hpp"

namespace carillon::outbound::testing {

/// Hands out what was sent and answers when it is told to.
class FakeHttp : public ports::HttpClient {
 public:
  struct Sent {
    ports::OutboundRequest request;
    ports::Completion<ports::OutboundResponse> done;

    std::string header(std::string_view name) const {
      for (const auto& [key, value] : request.headers)
        if (key == name) return value;
      return {};
    }
    void answer(int status) { done(ports::OutboundResponse{status, {}}); }
    /// Nothing of it got anywhere.
    void fail_unsent() { done(base::fail(ports::kNotSent, "connection refused")); }
    void fail() { done(base::fail(model::errors::kUnavailable, "timed out")); }
  };

  void send(ports::OutboundRequest request, ports::Completion<ports::OutboundResponse> done) override {
    const std::lock_guard lock(mutex_);
    sent_.push_back({std::move(request), std::move(done)});
    arrived_.release();
  }
  Sent next() {
    if (!arrived_.try_acquire_for(std::chrono::seconds(20))) throw std::runtime_error("nothing was sent");
    const std::lock_guard lock(mutex_);
    Sent first = std::move(sent_.front());
    sent_.pop_front();
    return first;
  }
  bool idle() {
    const std::lock_guard lock(mutex_);
    return sent_.empty();
  }

 private:
  std::mutex mutex_;
  std::counting_semaphore<> arrived_{0};
  std::deque<Sent> sent_;
};

}  // namespace carillon::outbound::testing
