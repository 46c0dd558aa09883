#include "observability/trace_exporter.hpp"

#include <deque>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "model/errors.hpp"

namespace carillon::observability {
namespace {

using namespace std::chrono_literals;
using Done = ports::Completion<ports::OutboundResponse>;

/// Keeps every request until the test answers it.
class HeldHttpClient final : public ports::HttpClient {
 public:
  void send(ports::OutboundRequest request, Done done) override {
    const std::lock_guard lock(mutex_);
    requests_.emplace_back(std::move(request), std::move(done));
    changed_.notify_all();
  }
  /// The next request, answered with `status` (0: not at all reached).
  ports::OutboundRequest answer(int status, std::string body = "") {
    auto [request, done] = take();
    if (status == 0)
      done(model::fail(model::errors::kUnavailable, "connection refused"));
    else
      done(ports::OutboundResponse{status, std::move(body)});
    return std::move(request);
  }
  std::pair<ports::OutboundRequest, Done> take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 20s, [this] { return !requests_.empty(); }))
      throw std::runtime_error("no request came");
    auto next = std::move(requests_.front());
    requests_.pop_front();
    return next;
  }
  std::size_t waiting() {
    const std::lock_guard lock(mutex_);
    return requests_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<ports::OutboundRequest, Done>> requests_;
};

struct Counts {
  double exported = 0;
  double queue_full = 0;
  double export_failed = 0;
  double forced = 0;
  bool operator==(const Counts&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Counts& counts) {
  return out << counts.exported << " exported, " << counts.queue_full << " over the queue, "
             << counts.export_failed << " failed, " << counts.forced << " traces forced";
}

class TraceExporterTest : public ::testing::Test {
 protected:
  static TraceSettings settings() {
    return {.endpoint = "http://otel:4318",
            .version = "9",
            .interval = 1ms,
            .retry_base = 1ms,
            .flush_limit = 20s};
  }
  void open(TraceSettings settings) {
    exporter_ = std::make_unique<TraceExporter>(std::move(settings), http_);
  }
  void open() { open(settings()); }

  void record(std::size_t count = 1) {
    for (std::size_t i = 0; i < count; ++i) {
      ports::Span span;
      span.name = "publish";
      span.context = base::new_trace(true);
      exporter_->record(std::move(span));
    }
  }
  /// Keeps the exporter busy with one span, so that what comes next waits.
  Done occupy() {
    record();
    return http_.take().second;
  }
  Counts counts() const {
    ports::MetricSet set;
    exporter_->collect(set);
    const auto& dropped = set.find("carillon_trace_spans_dropped_total")->samples;
    return {set.find("carillon_trace_spans_exported_total")->samples[0].value, dropped[0].value,
            dropped[1].value, dropped[2].value};
  }
  void expect_counts(const Counts& wanted) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (counts() != wanted && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_EQ(counts(), wanted);
  }
  /// stop() waits for answers, so it runs beside the test.
  std::thread stop_beside() {
    return std::thread([this] { exporter_->stop(); });
  }
  static std::size_t spans_in(const ports::OutboundRequest& request) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = request.body.find("\"spanId\"", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  HeldHttpClient http_;
  std::unique_ptr<TraceExporter> exporter_;
};

TEST_F(TraceExporterTest, posts_what_was_recorded) {
  open();
  record();
  const ports::OutboundRequest request = http_.answer(200, "{}");
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "http://otel:4318/v1/traces");
  EXPECT_EQ(request.timeout, 5s);
  ASSERT_EQ(request.headers.size(), 1u);
  EXPECT_EQ(request.headers[0].second, "application/json");
  EXPECT_EQ(spans_in(request), 1u);
  expect_counts({.exported = 1});
}

TEST_F(TraceExporterTest, does_not_take_spans_of_traces_that_are_not_sampled) {
  open();
  ports::Span span;
  span.name = "commit";
  span.context = base::new_trace(false);
  exporter_->record(std::move(span));
  record();
  EXPECT_EQ(spans_in(http_.answer(200)), 1u);
  expect_counts({.exported = 1});
}

TEST_F(TraceExporterTest, has_one_request_under_way_and_full_batches_without_waiting) {
  TraceSettings slow = settings();
  slow.interval = 1h;
  open(slow);
  record(512);
  Done done = http_.take().second;
  record(1100);
  EXPECT_EQ(http_.waiting(), 0u);
  done(ports::OutboundResponse{200, ""});
  EXPECT_EQ(spans_in(http_.answer(200)), 512u);
  EXPECT_EQ(spans_in(http_.answer(200)), 512u);
  expect_counts({.exported = 1536});
  std::thread stopping = stop_beside();
  EXPECT_EQ(spans_in(http_.answer(200)), 76u);
  stopping.join();
  EXPECT_EQ(counts(), (Counts{.exported = 1612}));
}

TEST_F(TraceExporterTest, drops_and_counts_what_does_not_fit) {
  open();
  Done done = occupy();
  record(2048 + 3);
  EXPECT_EQ(counts(), (Counts{.queue_full = 3}));
  done(ports::OutboundResponse{200, ""});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(spans_in(http_.answer(200)), 512u);
  expect_counts({.exported = 2049, .queue_full = 3});
}

TEST_F(TraceExporterTest, tries_again_where_that_may_help) {
  open();
  for (const int status : {0, 429, 502, 503, 504}) {
    record();
    const std::string body = http_.answer(status).body;
    EXPECT_EQ(http_.answer(200).body, body) << status;
  }
  expect_counts({.exported = 5});
}

TEST_F(TraceExporterTest, gives_up_after_four_attempts_and_goes_on_with_the_next) {
  open();
  record();
  for (int i = 0; i < 4; ++i) http_.answer(503);
  expect_counts({.export_failed = 1});
  record();
  http_.answer(202);
  expect_counts({.exported = 1, .export_failed = 1});
}

TEST_F(TraceExporterTest, waits_longer_before_each_attempt) {
  TraceSettings slow = settings();
  slow.retry_base = 40ms;
  open(slow);
  record();
  http_.answer(503);
  auto before = base::monotonic_now();
  for (const auto least : {40ms, 80ms, 160ms}) {
    http_.answer(503);
    const auto now = base::monotonic_now();
    EXPECT_GE(now - before, least - 5ms);
    before = now;
  }
  expect_counts({.export_failed = 1});
}

TEST_F(TraceExporterTest, does_not_repeat_what_the_collector_refuses) {
  open();
  for (const int status : {301, 400, 404, 500}) {
    record();
    http_.answer(status);
  }
  expect_counts({.export_failed = 4});
  EXPECT_EQ(http_.waiting(), 0u);
}

TEST_F(TraceExporterTest, counts_what_the_collector_rejects_in_part) {
  open();
  Done done = occupy();
  record(5);
  done(ports::OutboundResponse{200, ""});
  http_.answer(200, R"({"partialSuccess":{"rejectedSpans":"2"}})");
  expect_counts({.exported = 4, .export_failed = 2});
  record();
  http_.answer(200, R"({"partialSuccess":{"rejectedSpans":"99"}})");
  expect_counts({.exported = 4, .export_failed = 3});
}

TEST_F(TraceExporterTest, stopping_tries_each_batch_once) {
  TraceSettings patient = settings();
  patient.retry_base = 1h;
  open(patient);
  Done done = occupy();
  record(600);
  done(ports::OutboundResponse{503, ""});
  std::thread stopping = stop_beside();
  EXPECT_EQ(spans_in(http_.answer(503)), 1u);
  EXPECT_EQ(spans_in(http_.answer(503)), 512u);
  EXPECT_EQ(spans_in(http_.answer(200)), 88u);
  stopping.join();
  EXPECT_EQ(counts(), (Counts{.exported = 88, .export_failed = 513}));
  record();
  EXPECT_EQ(counts(), (Counts{.exported = 88, .export_failed = 514}));
}

TEST_F(TraceExporterTest, stopping_does_not_wait_for_a_collector_that_does_not_answer) {
  TraceSettings hasty = settings();
  hasty.flush_limit = 10ms;
  open(hasty);
  Done done = occupy();
  record(3);
  exporter_->stop();
  EXPECT_EQ(counts(), (Counts{.export_failed = 4}));
  done(ports::OutboundResponse{200, ""});
  EXPECT_EQ(counts(), (Counts{.export_failed = 4}));
}

TEST_F(TraceExporterTest, goes_on_with_the_trace_that_came_in) {
  TraceSettings none = settings();
  none.sample_ratio = 0;
  open(none);
  for (const bool sampled : {true, false}) {
    const base::TraceContext incoming = base::new_trace(sampled);
    const auto context = exporter_->begin(incoming);
    ASSERT_TRUE(context);
    EXPECT_EQ(context->trace_id, incoming.trace_id);
    EXPECT_NE(context->span_id, incoming.span_id);
    EXPECT_EQ(context->sampled, sampled);
  }
  EXPECT_FALSE(exporter_->begin(std::nullopt));
}

TEST_F(TraceExporterTest, takes_no_more_than_some_traces_that_came_in_sampled) {
  TraceSettings few = settings();
  few.forced_per_second = 1e-6;
  few.forced_burst = 3;
  open(few);
  Done done = occupy();
  for (int i = 0; i < 5; ++i) {
    auto context = exporter_->begin(base::new_trace(true)).value();
    exporter_->admit(context);
    EXPECT_TRUE(context.sampled) << "for those after us";
    EXPECT_TRUE(base::format_traceparent(context).ends_with("-01"));
    EXPECT_EQ(context.recorded(), i < 3);
    for (int spans = 0; spans < 2; ++spans)
      exporter_->record({.name = "commit", .context = base::child_of(context)});
  }
  auto unsampled = exporter_->begin(base::new_trace(false)).value();
  exporter_->admit(unsampled);
  EXPECT_FALSE(unsampled.unrecorded);
  EXPECT_EQ(counts(), (Counts{.forced = 2}));
  record(1);  // of a trace that began here
  done(ports::OutboundResponse{200, ""});
  EXPECT_EQ(spans_in(http_.answer(200)), 3 * 2 + 1u);
}

TEST_F(TraceExporterTest, takes_more_of_them_as_time_goes_by) {
  TraceSettings fast = settings();
  fast.forced_per_second = 1e9;
  fast.forced_burst = 1;
  open(fast);
  for (int i = 0; i < 5; ++i) {
    auto context = base::new_trace(true);
    while (exporter_->admit(context), context.unrecorded) context.unrecorded = false;
  }
}

TEST_F(TraceExporterTest, samples_about_the_ratio_of_its_own_traces) {
  for (const double ratio : {0.0, 0.1, 0.5, 1.0}) {
    TraceSettings some = settings();
    some.sample_ratio = ratio;
    open(some);
    constexpr int kTraces = 20'000;
    int sampled = 0;
    for (int i = 0; i < kTraces; ++i) {
      const auto context = exporter_->begin(std::nullopt);
      if (context) EXPECT_TRUE(context->sampled);
      sampled += context ? 1 : 0;
    }
    // Eight standard deviations of the widest, so that it does not fail once in a lifetime.
    EXPECT_NEAR(sampled, ratio * kTraces, ratio == 0 || ratio == 1 ? 0 : 8 * 71) << ratio;
  }
}

}  // namespace
}  // namespace carillon::observability
