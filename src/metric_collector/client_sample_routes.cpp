#include "metric_collector/client_sample_routes.hpp"

#include <memory>

#include "metric_collector/waiting_requests.hpp"

namespace carillon::metric_collector {
namespace {

using model::Result;
using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

constexpr int kMaxWaiting = 256;
constexpr int kMaxWaitingOfAUser = 16;
constexpr std::int64_t kRetryMs = 1000;

class SampleDesk : public std::enable_shared_from_this<SampleDesk> {
 public:
  SampleDesk(base::EventLoop& loop, ClientLatencies& latencies, ports::MessageHistory& history,
             const ports::MessageTimesWindow& window)
      : loop_(loop), latencies_(latencies), history_(history), window_(window) {}

  /// Any thread.
  void on_request(HttpRequest request, HttpResponder respond) {
    auto place = waiting_.enter(request.identity->user.str());
    if (!place) {
      latencies_.refuse_unavailable();
      return respond(HttpResponse::error(model::retry_later(model::errors::kOverloaded, kRetryMs)));
    }
    loop_.post([self = shared_from_this(), place = std::move(place), request = std::move(request),
                respond = std::move(respond)]() mutable {
      self->read(std::move(request), std::move(respond), std::move(place));
    });
  }

 private:
  static void answer(HttpResponder& respond, const Result<std::size_t>& counted) {
    if (!counted) return respond(HttpResponse::error(counted.error()));
    respond(HttpResponse::json(
        200, "{\"message\":\"Metrics recorded\",\"count\":" + std::to_string(*counted) + '}'));
  }

  void read(HttpRequest request, HttpResponder respond, WaitingRequests::Place place) {
    const std::string& user = request.identity->user.str();
    const base::Monotonic now = base::monotonic_now();
    if (const auto admitted = latencies_.admit(user, now); !admitted)
      return answer(respond, std::unexpected(admitted.error()));
    const auto samples = parse_client_samples(request.body);
    if (!samples) {
      latencies_.refuse_malformed();
      return answer(respond, std::unexpected(samples.error()));
    }
    if (const auto admitted = latencies_.admit_rest(user, *samples, now); !admitted)
      return answer(respond, std::unexpected(admitted.error()));
    if (const auto* batch = std::get_if<SampleBatch>(&*samples))
      return answer(respond, latencies_.take(user, *batch, window_, base::now_ms()));
    const auto& sample = std::get<SingleSample>(*samples);
    history_.message(
        request.identity, sample.message,
        [self = shared_from_this(), sample, identity = request.identity, place = std::move(place),
         respond = std::move(respond)](Result<model::MessagePtr> message) mutable {
          self->loop_.post(
              [self, sample = std::move(sample), identity = std::move(identity), place = std::move(place),
               respond = std::move(respond),
               message = std::move(message)]() mutable { self->take(*identity, sample, message, respond); });
        });
  }

  void take(const model::Identity& identity, const SingleSample& sample,
            const Result<model::MessagePtr>& message, HttpResponder& respond) {
    if (!message && !message.error().is(model::errors::kNotFound)) {
      latencies_.refuse_unavailable();
      return answer(respond, std::unexpected(message.error()));
    }
    answer(respond, latencies_.take(identity.user.str(), sample, message ? message->get() : nullptr,
                                    window_.find(sample.message), base::now_ms()));
  }

  base::EventLoop& loop_;
  ClientLatencies& latencies_;
  ports::MessageHistory& history_;
  const ports::MessageTimesWindow& window_;
  WaitingRequests waiting_{kMaxWaiting, kMaxWaitingOfAUser};
};

}  // namespace

std::vector<ports::Route> client_sample_routes(base::EventLoop& loop, ClientLatencies& latencies,
                                               ports::MessageHistory& history,
                                               const ports::MessageTimesWindow& window) {
  auto desk = std::make_shared<SampleDesk>(loop, latencies, history, window);
  return {{"POST", "/metrics", ports::Access::token, [desk](HttpRequest request, HttpResponder respond) {
             desk->on_request(std::move(request), std::move(respond));
           }}};
}

}  // namespace carillon::metric_collector
