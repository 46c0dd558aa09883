#pragma once

#include <vector>

#include "metric_collector/alarm.hpp"
#include "observability/alarm_webhooks.hpp"
#include "server/settings.hpp"

/// `[alarms.NAME]` of settings that were checked, for those who watch. Pure.
namespace carillon::server {

/// The alarms that are always there, each replaced by the configured one of its name, and the other ones.
std::vector<metric_collector::AlarmRule> alarm_rules(const Settings& settings);
/// By the alarm's name, of those that have a URL.
observability::AlarmWebhooks::Receivers alarm_receivers(const Settings& settings);

}  // namespace carillon::server
