#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "base/event_loop.hpp"
#include "base/recorder.hpp"
#include "bus/rate_limiter.hpp"
#include "ports/http_client.hpp"
#include "ports/metric_set.hpp"
#include "ports/tracer.hpp"

namespace carillon::observability {

struct TraceSettings {
  std::string endpoint;     ///< `[tracing] endpoint`: http(s)://host:port, `/v1/traces` when it has no path
  double sample_ratio = 1;  ///< of traces that begin here, 0 to 1
  std::string version;      ///< of this program
  double forced_per_second = 100;  ///< traces recorded because they came in sampled
  double forced_burst = 200;
  std::chrono::milliseconds interval{1000};     ///< between looks at what waits
  std::chrono::milliseconds retry_base{1000};   ///< before the second attempt; doubles for each further one
  std::chrono::milliseconds flush_limit{2000};  ///< how long stop() waits
};

/// Sends spans to an OpenTelemetry collector over OTLP/HTTP (JSON), on a thread of its own (`tracing`). One
/// request at a time with up to 512 spans, once a second or when so many wait; at most 2,048 wait, and what
/// comes over that is dropped. 429, 502, 503, 504 and no answer within 5 s are tried again, four attempts in
/// all; other answers are not. Every span that does not arrive is counted, and the first failure of a row is
/// logged. Samples by parent, but no more than forced_per_second, so that clients cannot crowd out all
/// others; traces that begin here by their id, so that services with the same ratio agree. Sources: OTLP
/// specification 1.x; W3C Trace Context; OpenTelemetry TraceIdRatioBased.
class TraceExporter final : public ports::Tracer, public ports::MetricSource {
 public:
  /// `http` must be stopped before this is destroyed: an answer may still be on its way. Starts the
  /// thread.
  TraceExporter(TraceSettings settings, ports::HttpClient& http);
  ~TraceExporter() override;

  /// Sends what waits, for at most `flush_limit`, then counts the rest as lost. Not from the loop.
  /// Idempotent.
  void stop();

  std::optional<base::TraceContext> begin(const std::optional<base::TraceContext>& incoming) override;
  void admit(base::TraceContext& context) override;
  void record(ports::Span span) override;
  void collect(ports::MetricSet& into) const override;

 private:
  using Answer = base::Result<ports::OutboundResponse>;

  void schedule();
  void send();
  void post_batch();
  void on_answer(Answer answer);
  void on_sent(const ports::OutboundResponse& response);
  void on_failure(const std::string& reason, bool again);
  void drop_batch();
  void finish_when_empty();
  std::size_t waiting() const;

  const TraceSettings settings_;
  const std::string url_;
  ports::HttpClient& http_;
  base::EventLoop loop_{"tracing"};
  boost::asio::steady_timer timer_{loop_.io()};

  mutable std::mutex mutex_;
  std::condition_variable finished_;
  std::vector<ports::Span> queue_;  ///< under mutex_
  bus::RateLimiter forced_;         ///< under mutex_
  bool closed_ = false;             ///< under mutex_: takes no more
  bool empty_ = false;              ///< under mutex_: stop() need not wait any longer

  std::vector<ports::Span> batch_;  ///< being sent or to be tried again
  bool in_flight_ = false;
  bool stopping_ = false;
  bool failing_ = false;  ///< the last batch did not arrive, and that was logged
  int attempts_ = 0;
  base::Monotonic next_attempt_{};

  base::SharedCounter exported_;
  base::SharedCounter over_queue_;
  base::SharedCounter over_forced_;
  base::SharedCounter lost_;
};

}  // namespace carillon::observability
