#include "server/alarm_settings.hpp"

#include <algorithm>

#include "outbound/standard_webhooks.hpp"

namespace carillon::server {

std::vector<metric_collector::AlarmRule> alarm_rules(const Settings& settings) {
  using metric_collector::AlarmRule;
  std::vector<AlarmRule> rules = metric_collector::default_alarms();
  for (const AlarmSettings& each : settings.alarms) {
    AlarmRule rule{.name = each.name,
                   .metric = metric_collector::find_metric(each.metric),
                   .statistic = metric_collector::parse_statistic(each.statistic).value(),
                   .threshold = each.threshold,
                   .period = each.period,
                   .evaluation_periods = static_cast<int>(each.evaluation_periods)};
    const auto same = std::ranges::find(rules, each.name, &AlarmRule::name);
    if (same == rules.end())
      rules.push_back(std::move(rule));
    else
      *same = std::move(rule);
  }
  return rules;
}

observability::AlarmWebhooks::Receivers alarm_receivers(const Settings& settings) {
  observability::AlarmWebhooks::Receivers receivers;
  for (const AlarmSettings& each : settings.alarms) {
    if (each.webhook_url.empty()) continue;
    const std::string& secret = each.secret.empty() ? settings.events.secret : each.secret;
    receivers[each.name] = {each.webhook_url, outbound::webhook_key(secret).value()};
  }
  return receivers;
}

}  // namespace carillon::server
