#pragma once

#include <string>

#include "metric_collector/alarm.hpp"

/// Alarms as JSON, for the dashboard and for webhooks. Pure.
namespace carillon::metric_collector {

/// What happened to an alarm.
struct AlarmChange {
  AlarmRule rule;
  AlarmState from = AlarmState::insufficient_data;
  AlarmStatus now;
};

/// `{"name","metric","statistic","threshold","unit","period","evaluationPeriods","state","since","value",
/// "reason","runbook"}`; `period` in seconds, `value` null without data.
std::string alarm_json(const Alarm& alarm);
/// `{"type":"alarm.state_changed","timestamp","data":{…as above, and "previousState"}}`.
std::string alarm_event_json(const AlarmChange& change);

}  // namespace carillon::metric_collector
