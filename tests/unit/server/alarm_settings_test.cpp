#include "server/alarm_settings.hpp"

#include <gtest/gtest.h>

namespace carillon::server {
namespace {

Settings settings_of(std::string_view toml) {
  const auto loaded = load_settings_text(toml, "c.toml", {});
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error());
  return loaded ? loaded->settings : Settings();
}

TEST(AlarmSettings, DefaultsAreThereWithoutConfiguration) {
  const auto rules = alarm_rules(Settings());
  ASSERT_EQ(rules.size(), 4u);
  EXPECT_EQ(rules[0].name, "average-latency");
  EXPECT_EQ(rules[0].threshold, 500);
  EXPECT_TRUE(alarm_receivers(Settings()).empty());
}

TEST(AlarmSettings, OneOfTheSameNameReplacesADefaultAndOthersAreAdded) {
  const auto rules = alarm_rules(
      settings_of("[alarms.p95-latency]\nmetric = \"ClientNetworkLatency\"\nthreshold = 20\n"
                  "[alarms.refusals]\nmetric = \"PublishRefused\"\nstatistic = \"sum\"\nthreshold = 1.5\n"
                  "period = \"5m\"\nevaluation_periods = 1\n"));
  ASSERT_EQ(rules.size(), 5u);
  EXPECT_EQ(rules[1].name, "p95-latency");
  EXPECT_EQ(rules[1].metric->name, "ClientNetworkLatency");
  EXPECT_EQ(rules[1].statistic, metric_collector::Statistic::avg) << "replaced as a whole";
  EXPECT_EQ(rules[4].name, "refusals");
  EXPECT_EQ(rules[4].metric->name, "PublishRefused");
  EXPECT_EQ(rules[4].statistic, metric_collector::Statistic::sum);
  EXPECT_EQ(rules[4].threshold, 1.5);
  EXPECT_EQ(rules[4].period, std::chrono::minutes(5));
  EXPECT_EQ(rules[4].evaluation_periods, 1);
}

TEST(AlarmSettings, WebhooksAreSignedWithTheirOwnSecretOrThatOfEvents) {
  const std::string alarm = "metric = \"Memory\"\nthreshold = 1\nwebhook_url = \"http://h.example\"\n";
  const auto receivers = alarm_receivers(
      settings_of("[events]\nsecret = \"shared\"\n[alarms.a]\n" + alarm + "[alarms.b]\n" + alarm +
                  "secret = \"whsec_b3du\"\n[alarms.c]\nmetric = \"Memory\"\n"
                  "threshold = 1\nsecret = \"unused\"\n"));
  ASSERT_EQ(receivers.size(), 2u);
  EXPECT_EQ(receivers.at("a").key, "shared");
  EXPECT_EQ(receivers.at("b").key, "own");
  EXPECT_EQ(receivers.at("b").url, "http://h.example");
}

}  // namespace
}  // namespace carillon::server
