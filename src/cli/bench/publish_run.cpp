#include <algorithm>

#include "cli/bench/publishers.hpp"
#include "cli/bench/session.hpp"

namespace carillon::cli::bench {
namespace {

constexpr std::size_t kTargets = 256;
constexpr double kNanos = 1e9;

/// Senders that each publish again once they are answered, to targets that nobody is subscribed to.
class PublishRun final : public AnswerHandler {
 public:
  explicit PublishRun(Session& session)
      : session_(session),
        options_(session.options),
        publishers_(*session.driver, *session.codec, session.poller, session.buffer, *this),
        ledger_({.messages = static_cast<std::uint32_t>(options_.warmup + options_.messages),
                 .streams = 1,
                 .recipients = 0,
                 .answered = true}) {}

  Report run() {
    report_.connections = options_.connections;
    report_.publishers = options_.connections;
    report_.in_flight = options_.in_flight;
    if (auto connected = publishers_.connect(session_.publish, options_.connections, options_.size);
        !connected) {
      report_.failure = connected.error();
      return report_;
    }
    phase(options_.warmup);
    if (report_.failure.empty()) measure();
    report_.refused = refused_;
    report_.unanswered = ledger_.unanswered();
    report_.stray = ledger_.strays();
    if (!publishers_.refusal().empty() && report_.failure.empty())
      report_.failure = "refused: " + publishers_.refusal();
    return report_;
  }

  void on_answer(std::size_t publisher, const PublishedRange& range, std::size_t refused) override {
    const auto now = now_ns();
    for (std::uint32_t i = 0; i < range.count; ++i) ledger_.answered(range.first + i, true);
    refused_ += refused;
    latency_->record(now - range.sent_ns);
    last_progress_ = now;
    send(publisher, now);
  }

 private:
  void measure() {
    latency_ = &report_.latency;
    const auto server_before = session_.settled_cpu();
    const auto own_before = own_cpu_seconds();
    const auto start = now_ns();
    phase(options_.messages);
    report_.seconds = static_cast<double>(std::max(last_progress_, start) - start) / kNanos;
    report_.generator_cpu_seconds = own_cpu_seconds() - own_before;
    const auto server_after = session_.settled_cpu();
    if (server_before && server_after) report_.server_cpu_seconds = *server_after - *server_before;
    report_.published = ledger_.answers() - options_.warmup;
  }

  void phase(std::size_t count) {
    const auto first = ledger_.sent();
    end_ = first + static_cast<std::uint32_t>(count);
    const auto stall = static_cast<std::uint64_t>(std::chrono::nanoseconds(options_.stall).count());
    last_progress_ = now_ns();
    for (std::size_t started = 0; started < options_.in_flight; started += options_.batch) {
      send(started / options_.batch % publishers_.size(), last_progress_);
    }
    while (ledger_.sent() < end_ || ledger_.in_flight() > 0) {
      publishers_.flush();
      for (const auto& event : session_.poller.wait(kTurnLimit))
        publishers_.on_event(event.data.u64, event.events);
      const auto now = now_ns();
      session_.progress.show("answered", ledger_.answers() - first, count, now);
      if (!publishers_.failure().empty()) return fail(publishers_.failure());
      if (now > session_.deadline) return fail("the time was up");
      if (now > last_progress_ + stall) return fail("nothing came any more");
    }
  }

  void fail(std::string why) {
    if (report_.failure.empty()) report_.failure = std::move(why);
  }

  void send(std::size_t publisher, std::uint64_t now) {
    const auto first = ledger_.sent();
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(end_ - first, options_.batch));
    if (count == 0) return;
    targets_.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      targets_.push_back((first + i) % kTargets);
      ledger_.sent(first + i);
    }
    publishers_.publish(publisher, {.first = first, .count = count, .sent_ns = now}, targets_);
  }

  Session& session_;
  const Options& options_;
  Publishers publishers_;
  Ledger ledger_;
  Report report_;
  Histogram warmup_latency_;
  Histogram* latency_ = &warmup_latency_;
  std::vector<std::size_t> targets_;
  std::uint32_t end_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t last_progress_ = 0;
};

}  // namespace

Report run_publish(Session& session) {
  return PublishRun(session).run();
}

}  // namespace carillon::cli::bench
