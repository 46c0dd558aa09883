#include "metric_collector/alarm_json.hpp"

#include "base/bytes.hpp"

namespace carillon::metric_collector {
namespace {

void append_text(std::string& out, std::string_view key, std::string_view text) {
  out += ",\"";
  out += key;
  out += "\":";
  base::append_json_string(out, text);
}

/// The object without its closing brace.
std::string members(const AlarmRule& rule, const AlarmStatus& status) {
  std::string out = "{\"name\":" + base::json_string(rule.name);
  append_text(out, "metric", rule.metric->name);
  append_text(out, "statistic", name(rule.statistic));
  out += ",\"threshold\":" + decimal(rule.threshold);
  append_text(out, "unit", unit_of(rule));
  out +=
      ",\"period\":" + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(rule.period).count());
  out += ",\"evaluationPeriods\":" + std::to_string(rule.evaluation_periods);
  append_text(out, "state", name(status.state));
  append_text(out, "since", base::iso8601(status.since));
  out += ",\"value\":" + (status.value ? decimal(*status.value) : "null");
  append_text(out, "reason", status.reason);
  append_text(out, "runbook", runbook_of(rule));
  return out;
}

}  // namespace

std::string alarm_json(const Alarm& alarm) {
  return members(alarm.rule(), alarm.status()) + '}';
}

std::string alarm_event_json(const AlarmChange& change) {
  std::string out = "{\"type\":\"alarm.state_changed\"";
  append_text(out, "timestamp", base::iso8601(change.now.since));
  out += ",\"data\":" + members(change.rule, change.now);
  append_text(out, "previousState", name(change.from));
  return out += "}}";
}

}  // namespace carillon::metric_collector
