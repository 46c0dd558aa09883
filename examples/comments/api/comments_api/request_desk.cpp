#include "comments_api/request_desk.hpp"

#include "base/log.hpp"
#include "gateway/origin_policy.hpp"

namespace carillon::comments_api {

using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;
namespace errors = model::errors;

namespace {

constexpr std::int64_t kRetryAfterMs = 1000;

void run(const ports::HttpHandler& handler, HttpRequest request, HttpResponder respond) {
  // The responder answers 500 when it is destroyed unused.
  try {
    handler(std::move(request), std::move(respond));
  } catch (const std::exception& problem) {
    base::log::error("request_failed", "a request could not be handled",
                     {{"reason", std::string_view(problem.what())}});
  }
}

}  // namespace

std::vector<ports::Route> RequestDesk::on_loop(std::vector<ports::Route> routes) {
  for (ports::Route& route : routes)
    route.handler = [this, handler = std::move(route.handler)](HttpRequest request, HttpResponder respond) {
      hand_over(handler, std::move(request), std::move(respond));
    };
  return routes;
}

void RequestDesk::hand_over(const ports::HttpHandler& handler, HttpRequest request, HttpResponder respond) {
  if (!gateway::is_loopback_host(request.header("host")))
    return respond(HttpResponse::error(model::Error(errors::kHostRefused)));
  if (waiting_.fetch_add(1) >= kMaxWaiting) {
    --waiting_;
    return respond(HttpResponse::error(model::retry_later(errors::kOverloaded, kRetryAfterMs)));
  }
  // The routes live as long as the gateway, which is stopped before the loop is.
  loop_.post([this, &handler, request = std::move(request), respond = std::move(respond)]() mutable {
    --waiting_;
    run(handler, std::move(request), std::move(respond));
  });
}

}  // namespace carillon::comments_api
