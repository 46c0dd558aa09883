#include "metric_collector/alarm_watch.hpp"

#include <utility>

#include "base/log.hpp"

namespace carillon::metric_collector {
namespace {

constexpr base::EpochMs kGraceMs = 1000;

/// The end of the last period that is complete and in its series.
base::EpochMs complete_to(const AlarmRule& rule, base::EpochMs now) {
  return (now - kGraceMs) / rule.period.count() * rule.period.count();
}

/// Of the periods from `from` on; a period without a point has no value.
std::vector<std::optional<double>> values_of(const AlarmRule& rule, const std::vector<SeriesPoint>& points,
                                             base::EpochMs from) {
  std::vector<std::optional<double>> values(static_cast<std::size_t>(rule.evaluation_periods));
  for (const SeriesPoint& each : points) {
    const auto index = static_cast<std::size_t>((each.start - from) / rule.period.count());
    if (each.start >= from && index < values.size()) values[index] = value_of(rule, each.values);
  }
  return values;
}

void log_change(const AlarmChange& change) {
  const auto level = change.now.state == AlarmState::alarm ? base::log::Level::warn : base::log::Level::info;
  if (!base::log::enabled(level)) return;
  constexpr std::string_view kEvent = "alarm_state_changed";
  if (change.now.value)
    base::log::write(level, kEvent, change.now.reason,
                     {{"alarm", change.rule.name},
                      {"from", name(change.from)},
                      {"to", name(change.now.state)},
                      {"value", *change.now.value},
                      {"threshold", change.rule.threshold}});
  else
    base::log::write(level, kEvent, change.now.reason,
                     {{"alarm", change.rule.name},
                      {"from", name(change.from)},
                      {"to", name(change.now.state)},
                      {"threshold", change.rule.threshold}});
}

}  // namespace

AlarmWatch::Watched::Watched(AlarmRule rule, base::EpochMs now)
    : alarm(std::move(rule), now),
      evaluated_to(complete_to(alarm.rule(), now)),
      state(alarm.status().state) {}

AlarmWatch::AlarmWatch(std::vector<AlarmRule> rules, ReadPoints read, Notify notify, base::EpochMs now)
    : read_(std::move(read)), notify_(std::move(notify)) {
  for (AlarmRule& each : rules) alarms_.emplace_back(std::move(each), now);
}

void AlarmWatch::look(base::EpochMs now) {
  for (Watched& each : alarms_) {
    const base::EpochMs to = complete_to(each.alarm.rule(), now);
    if (to != each.evaluated_to && evaluate(each, to, now)) each.evaluated_to = to;
  }
}

bool AlarmWatch::evaluate(Watched& watched, base::EpochMs to, base::EpochMs now) {
  const AlarmRule& rule = watched.alarm.rule();
  const base::EpochMs from = to - rule.evaluation_periods * rule.period.count();
  const auto points = read_(*rule.metric, from, to, rule.period);
  if (!points) {
    if (!std::exchange(watched.failing, true))
      base::log::warn("alarm_not_evaluated", "the series of an alarm cannot be read",
                      {{"alarm", rule.name}, {"reason", points.error().details()}});
    return false;
  }
  watched.failing = false;
  const AlarmState before = watched.alarm.status().state;
  if (!watched.alarm.evaluate(values_of(rule, *points, from), now)) return true;
  watched.state.store(watched.alarm.status().state, std::memory_order_relaxed);
  const AlarmChange change{rule, before, watched.alarm.status()};
  log_change(change);
  if (notify_) notify_(change);
  return true;
}

std::string AlarmWatch::json() const {
  std::string out = "{\"alarms\":[";
  for (const Watched& each : alarms_) {
    if (out.back() != '[') out += ',';
    out += alarm_json(each.alarm);
  }
  return out += "]}";
}

void AlarmWatch::collect(ports::MetricSet& into) const {
  for (const Watched& each : alarms_) {
    const AlarmState now = each.state.load(std::memory_order_relaxed);
    for (const AlarmState state : {AlarmState::ok, AlarmState::alarm, AlarmState::insufficient_data})
      into.gauge("carillon_alarm_state", "1 for the state that an alarm is in, 0 for the others",
                 now == state ? 1 : 0,
                 {{"alarm", each.alarm.rule().name}, {"state", std::string(name(state))}});
  }
}

}  // namespace carillon::metric_collector
