#include "metric_collector/metric_collector.hpp"

#include "base/log.hpp"

namespace carillon::metric_collector {

using base::EpochMs;

namespace {

constexpr EpochMs kSecondMs = 1000;
/// A timer that comes by a little before its second does not look twice.
constexpr EpochMs kLeastPauseMs = 200;
/// Twice in a slot: with what a look may be late by, no more than ten seconds are ever lost.
constexpr std::chrono::seconds kWriteEvery{5};
constexpr std::chrono::hours kForgetEvery{1};

}  // namespace

MetricCollector::MetricCollector(ports::SeriesTable& table, std::function<EpochMs()> clock)
    : clock_(std::move(clock)), table_(table), series_(table) {}

MetricCollector::~MetricCollector() {
  stop();
}

void MetricCollector::add_source(const ports::MetricSource& source) {
  sources_.push_back(&source);
}

void MetricCollector::on_look(std::function<void(EpochMs now)> observer) {
  observers_.push_back(std::move(observer));
}

void MetricCollector::start() {
  running_ = true;
  writer_.start();
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
    due_.stop();
    look();
  });
  loop_.stop();
  writer_.stop();
  // How the last write went, nobody has said any more: what it wrote is written once more.
  succeeded(series_.flush());
}

ports::MetricSet MetricCollector::figures() const {
  ports::MetricSet set;
  for (const ports::MetricSource* each : sources_) each->collect(set);
  due_.collect(set, "metrics");
  set.counter("carillon_series_write_failures_total",
              "Writes of metric series that failed, and slots lost by it", series_.write_failures());
  return set;
}

void MetricCollector::look(base::Monotonic at) {
  const EpochMs now = clock_();
  follow(now, at);
  const EpochMs time = std::max(now, series_.latest());
  for (const auto& each : observers_) each(time);
}

void MetricCollector::follow(EpochMs now, base::Monotonic at) {
  if (forget_at_ == base::Monotonic()) forget_at_ = at + kForgetAfter;
  // Counters keep what comes meanwhile: nothing is lost while the current slots cannot be read.
  if (!loaded_ && !(loaded_ = succeeded(series_.load(now)))) return;
  follow_clock(now, at);
  const bool ended = series_.take(figures(), now);
  if (ended || at - written_at_ >= kWriteEvery) write(at);
}

void MetricCollector::follow_clock(EpochMs now, base::Monotonic at) {
  const EpochMs ahead = series_.latest() - now;
  if (ahead <= kPutBackMs) return;
  base::log::warn("clock_put_back", "the clock was put back; series go on from the time it says now",
                  {{"by_ms", ahead}});
  series_.go_back(now);
  forget_at_ = at + kForgetAfter;
}

void MetricCollector::write(base::Monotonic at) {
  auto cells = series_.begin_write();
  if (!cells) return;
  written_at_ = at;
  const bool forgets = at >= forget_at_;
  writer_.post([this, cells = std::move(cells), forgets, at, now = series_.latest()] {
    const auto written = table_.write(*cells);
    const auto forgot = written && forgets ? series_.forget_old(now) : written;
    loop_.post([this, written = written.has_value(), forgot, forgets, at] {
      series_.end_write(written);
      // The clock may have been put back meanwhile.
      if (succeeded(forgot) && forgets) forget_at_ = std::max(forget_at_, at + kForgetEvery);
    });
  });
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
  const EpochMs now = base::now_ms();
  EpochMs pause = kSecondMs - now % kSecondMs;
  if (pause < kLeastPauseMs) pause += kSecondMs;
  timer_.expires_after(base::milliseconds(pause));
  due_.expect(timer_.expiry());
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    look();
    schedule();
  });
}

}  // namespace carillon::metric_collector
