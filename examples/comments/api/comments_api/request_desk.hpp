#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "base/event_loop.hpp"
#include "ports/http.hpp"

namespace carillon::comments_api {

/// Hands requests from the gateway's loop to the one that owns the comments: a bounded number of them, and
/// only those that name this machine as their Host, so that no page which had its own name pointed here can
/// talk to the service. Any thread.
class RequestDesk {
 public:
  static constexpr std::size_t kMaxWaiting = 256;

  /// `loop` must outlive it, and it must outlive the loop's thread.
  explicit RequestDesk(base::EventLoop& loop) : loop_(loop) {}
  RequestDesk(const RequestDesk&) = delete;
  RequestDesk& operator=(const RequestDesk&) = delete;

  /// The same routes, whose handlers then run on the loop. Refused: host_refused, overloaded.
  std::vector<ports::Route> on_loop(std::vector<ports::Route> routes);

 private:
  void hand_over(const ports::HttpHandler& handler, ports::HttpRequest request, ports::HttpResponder respond);

  base::EventLoop& loop_;
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace carillon::comments_api
