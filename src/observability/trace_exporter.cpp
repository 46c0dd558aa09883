#include "observability/trace_exporter.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "observability/otlp_json.hpp"

namespace carillon::observability {
namespace {

constexpr std::size_t kMaxQueued = 2048;
constexpr std::size_t kMaxBatch = 512;
constexpr int kMaxAttempts = 4;
constexpr std::chrono::milliseconds kTimeout{5000};
constexpr std::size_t kMaxAnswer = 65536;

/// By the last eight bytes of the id, of which the recommendation says that they are random.
bool is_sampled(const base::TraceContext::TraceId& id, double ratio) {
  if (ratio >= 1) return true;
  constexpr double kRange = 9007199254740992.0;  // 2^53: what a double tells apart
  const std::uint64_t low = base::read_big_endian(reinterpret_cast<const char*>(id.data()) + 8);
  return static_cast<double>(low >> 11) < ratio * kRange;
}

bool worth_another_attempt(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace

TraceExporter::TraceExporter(TraceSettings settings, ports::HttpClient& http)
    : settings_(std::move(settings)),
      url_(traces_url(settings_.endpoint)),
      http_(http),
      forced_(settings_.forced_per_second, settings_.forced_burst, 1) {
  queue_.reserve(kMaxQueued);
  loop_.start();
  loop_.post([this] { schedule(); });
}

TraceExporter::~TraceExporter() {
  stop();
}

void TraceExporter::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
  }
  loop_.post([this] {
    stopping_ = true;
    send();
  });
  {
    std::unique_lock lock(mutex_);
    finished_.wait_for(lock, settings_.flush_limit, [this] { return empty_; });
  }
  loop_.stop();
  lost_.add(batch_.size() + queue_.size());
  batch_.clear();
  queue_.clear();
}

std::optional<base::TraceContext> TraceExporter::begin(const std::optional<base::TraceContext>& incoming) {
  if (incoming) return base::child_of(*incoming);
  if (settings_.sample_ratio <= 0) return std::nullopt;
  const base::TraceContext context = base::new_trace(true);
  if (!is_sampled(context.trace_id, settings_.sample_ratio)) return std::nullopt;
  return context;
}

void TraceExporter::admit(base::TraceContext& context) {
  if (!context.recorded()) return;
  {
    const std::lock_guard lock(mutex_);
    context.unrecorded = forced_.take({}, base::monotonic_now()) > 0;
  }
  if (context.unrecorded) over_forced_.add();
}

void TraceExporter::record(ports::Span span) {
  if (!span.context.recorded()) return;
  bool full_batch = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return lost_.add();
    if (queue_.size() == kMaxQueued) return over_queue_.add();
    queue_.push_back(std::move(span));
    full_batch = queue_.size() == kMaxBatch;
  }
  if (full_batch) loop_.post([this] { send(); });
}

void TraceExporter::collect(ports::MetricSet& into) const {
  constexpr std::string_view kDropped = "carillon_trace_spans_dropped_total";
  constexpr std::string_view kHelp =
      "Spans that did not arrive at the collector; of forced_sampling, traces of which none was recorded";
  into.counter("carillon_trace_spans_exported_total", "Spans that the collector took", exported_.value());
  into.counter(kDropped, kHelp, over_queue_.value(), {{"reason", "queue_full"}});
  into.counter(kDropped, kHelp, lost_.value(), {{"reason", "export_failed"}});
  into.counter(kDropped, kHelp, over_forced_.value(), {{"reason", "forced_sampling"}});
}

void TraceExporter::schedule() {
  timer_.expires_after(settings_.interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    send();
    schedule();
  });
}

void TraceExporter::send() {
  if (in_flight_) return;
  if (!batch_.empty()) {
    if (stopping_ || base::monotonic_now() >= next_attempt_) post_batch();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), kMaxBatch));
    batch_.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
  }
  if (batch_.empty()) return finish_when_empty();
  attempts_ = 0;
  post_batch();
}

void TraceExporter::post_batch() {
  in_flight_ = true;
  ++attempts_;
  ports::OutboundRequest request;
  request.method = "POST";
  request.url = url_;
  request.headers = {{"content-type", "application/json"}};
  request.body = otlp_json(batch_, settings_.version);
  request.timeout = kTimeout;
  request.max_response_bytes = kMaxAnswer;
  http_.send(std::move(request), [this](Answer answer) {
    loop_.post([this, answer = std::move(answer)]() mutable { on_answer(std::move(answer)); });
  });
}

void TraceExporter::on_answer(Answer answer) {
  in_flight_ = false;
  if (!answer)
    on_failure(answer.error().details(), true);
  else if (answer->status >= 200 && answer->status < 300)
    on_sent(*answer);
  else
    on_failure("status " + std::to_string(answer->status), worth_another_attempt(answer->status));
  const bool more = batch_.empty() && waiting() >= kMaxBatch;
  if (more || stopping_) send();
}

void TraceExporter::on_sent(const ports::OutboundResponse& response) {
  const std::uint64_t rejected = std::min<std::uint64_t>(rejected_spans(response.body), batch_.size());
  exported_.add(batch_.size() - rejected);
  lost_.add(rejected);
  batch_.clear();
  if (std::exchange(failing_, false))
    base::log::info("trace_export_recovered", "the trace collector takes spans again");
}

void TraceExporter::on_failure(const std::string& reason, bool again) {
  if (!std::exchange(failing_, true))
    base::log::warn("trace_export_failed", "the trace collector does not take spans",
                    {{"reason", reason}, {"spans", batch_.size()}});
  if (!again || stopping_ || attempts_ == kMaxAttempts) return drop_batch();
  next_attempt_ = base::monotonic_now() + settings_.retry_base * (1 << (attempts_ - 1));
}

void TraceExporter::drop_batch() {
  lost_.add(batch_.size());
  batch_.clear();
}

void TraceExporter::finish_when_empty() {
  if (!stopping_) return;
  const std::lock_guard lock(mutex_);
  empty_ = true;
  finished_.notify_all();
}

std::size_t TraceExporter::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

}  // namespace carillon::observability
