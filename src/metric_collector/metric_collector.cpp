#include "metric_collector/metric_collector.hpp"

#include "base/log.hpp"

namespace carillon::metric_collector {
namespace {

constexpr base::EpochMs kSecondMs = 1000;
/// A timer that comes by a little before its second does not look twice.
constexpr base::EpochMs kLeastPauseMs = 200;
/// Twice in a slot: with what a look may be late by, no more than ten seconds are ever lost.
constexpr std::chrono::seconds kFlushEvery{5};
constexpr std::chrono::hours kForgetEvery{1};

}  // namespace

MetricCollector::MetricCollector(ports::SeriesTable& table) : series_(table) {}

MetricCollector::~MetricCollector() {
  stop();
}

void MetricCollector::add_source(const ports::MetricSource& source) {
  sources_.push_back(&source);
}

void MetricCollector::on_look(std::function<void(base::EpochMs now)> observer) {
  observers_.push_back(std::move(observer));
}

void MetricCollector::start() {
  running_ = true;
  loop_.start();
  loop_.post([this] {
    look();
    schedule();
  });
}

void MetricCollector::stop() {
  if (!std::exchange(running_, false)) return;
  loop_.post([this] {
    timer_.cancel();
    look();
    succeeded(series_.flush());
  });
  loop_.stop();
}

ports::MetricSet MetricCollector::figures() const {
  ports::MetricSet set;
  for (const ports::MetricSource* each : sources_) each->collect(set);
  set.counter("carillon_series_write_failures_total",
              "Writes of metric series that failed, and slots lost by it", series_.write_failures());
  return set;
}

void MetricCollector::look() {
  const base::EpochMs now = base::now_ms();
  follow(now);
  for (const auto& each : observers_) each(now);
}

void MetricCollector::follow(base::EpochMs now) {
  // Counters keep what comes meanwhile: nothing is lost while the current slots cannot be read.
  if (!loaded_ && !(loaded_ = succeeded(series_.load(now)))) return;
  const bool ended = series_.take(figures(), now);
  const base::Monotonic at = base::monotonic_now();
  if (!ended && at - flushed_at_ < kFlushEvery) return;
  flushed_at_ = at;
  if (!succeeded(series_.flush())) return;
  if (forgot_at_ != base::Monotonic() && at - forgot_at_ < kForgetEvery) return;
  forgot_at_ = at;
  succeeded(series_.forget_old(now));
}

bool MetricCollector::succeeded(const base::Result<void>& outcome) {
  if (std::exchange(failing_, !outcome) != failing_) {
    if (!outcome)
      base::log::warn("series_failed", "series of metrics cannot be kept; recent ones are held in memory",
                      {{"reason", outcome.error().details()}});
    else
      base::log::info("series_kept_again", "series of metrics are written again", {});
  }
  return outcome.has_value();
}

void MetricCollector::schedule() {
  const base::EpochMs now = base::now_ms();
  base::EpochMs pause = kSecondMs - now % kSecondMs;
  if (pause < kLeastPauseMs) pause += kSecondMs;
  timer_.expires_after(base::milliseconds(pause));
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    look();
    schedule();
  });
}

}  // namespace carillon::metric_collector
