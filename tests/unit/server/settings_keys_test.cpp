#include "server/settings_keys.hpp"

#include <set>

#include <gtest/gtest.h>

#include "server/settings_rules.hpp"

namespace carillon::server {
namespace {

TEST(SettingKeys, NamesAreUniqueAlsoInTheEnvironment) {
  std::set<std::string> names, variables;
  for (const SettingKey& key : setting_keys()) {
    EXPECT_TRUE(names.insert(std::string(key.name)).second) << key.name;
    EXPECT_TRUE(variables.insert(environment_name(key.name)).second) << key.name;
  }
  EXPECT_EQ(environment_name("topics.fifo.deduplication_window"),
            "CARILLON_TOPICS_FIFO_DEDUPLICATION_WINDOW");
}

TEST(SettingKeys, EveryDefaultIsAValueThatTheKeyTakes) {
  Settings settings;
  settings.bus.channels.emplace_back();
  settings.alarms.emplace_back();
  settings.aws_keys.emplace_back();
  for (const SettingKey& key : setting_keys()) {
    if (key.required) continue;
    EXPECT_TRUE(takes(key, key.get(settings, 0, key))) << key.name;
  }
}

TEST(SettingKeys, EveryKeyIsWrittenToAPlaceOfItsOwn) {
  for (const SettingKey& key : setting_keys()) {
    if (key.name == "channels.NAME.type") continue;  // there is one type only
    Settings settings;
    settings.bus.channels.emplace_back();
    settings.alarms.emplace_back();
    settings.aws_keys.emplace_back();
    const Settings before = settings;
    SettingValue other = key.get(settings, 0, key);
    if (auto* text = std::get_if<std::string>(&other))
      *text = key.kind == KeyKind::choice     ? std::string(key.choices[*text == key.choices[0] ? 1 : 0])
              : key.kind == KeyKind::duration ? std::string("77s")
                                              : std::string("other");
    if (auto* number = std::get_if<std::int64_t>(&other)) ++*number;
    if (auto* number = std::get_if<double>(&other)) *number += 1;
    if (auto* flag = std::get_if<bool>(&other)) *flag = !*flag;
    if (auto* list = std::get_if<std::vector<std::string>>(&other)) *list = {"other=7d"};
    key.set(settings, 0, key, other);
    for (const SettingKey& each : setting_keys()) {
      const bool changed = each.get(settings, 0, each) != each.get(before, 0, each);
      EXPECT_EQ(changed, &each == &key) << key.name << " and " << each.name;
    }
  }
}

TEST(SettingKeys, WhatIsSecretSaysSo) {
  for (const SettingKey& key : setting_keys())
    if (key.leaf().find("secret") != std::string_view::npos) EXPECT_TRUE(key.secret) << key.name;
}

TEST(SettingRules, Origins) {
  for (const char* good : {"https://a.example", "http://localhost:3000", "http://[::1]:8080",
                           "http://127.0.0.1", "tauri://localhost", "chrome-extension://abcdef"})
    EXPECT_TRUE(valid_origin(good)) << good;
  for (const char* bad :
       {"", "*", "null", "a.example", "https://", "https://a.example/",
        "https://a.example:", "https://a.example:99999", "https://u@a.example", "https://a.example?x",
        "http://[::1", "http://[x]", "http://[::1]x", "://a.example", "https://*.example"})
    EXPECT_FALSE(valid_origin(bad)) << bad;
}

TEST(SettingRules, Networks) {
  for (const char* good : {"10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::1", "fd00::/8", "::/128"})
    EXPECT_TRUE(valid_network(good)) << good;
  for (const char* bad : {"", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "fe80::1%eth0",
                          "localhost", "10.0.0.0/8/8"})
    EXPECT_FALSE(valid_network(bad)) << bad;
}

TEST(SettingRules, Urls) {
  for (const char* good : {"http://h", "https://u:p@h.example:9/a?b=c", "http://[::1]:80/"})
    EXPECT_TRUE(valid_url(good)) << good;
  for (const char* bad : {"", "h", "//h", "ftp://h", "http://", "http:///x", "http://h/#f",
                          "http://h:99999999/", "javascript:alert(1)"})
    EXPECT_FALSE(valid_url(bad)) << bad;
  EXPECT_TRUE(valid_secure_url("https://i.example"));
  EXPECT_TRUE(valid_secure_url("http://127.0.0.1:1/x"));
  EXPECT_TRUE(valid_secure_url("http://[::1]/x"));
  EXPECT_TRUE(valid_secure_url("http://localhost/x"));
  EXPECT_FALSE(valid_secure_url("http://i.example"));
  EXPECT_FALSE(valid_secure_url("http://127.0.0.1.example"));
  EXPECT_FALSE(valid_secure_url("https://u:p@i.example"));
}

TEST(SettingRules, Names) {
  EXPECT_TRUE(valid_setting_name("Email"));
  EXPECT_TRUE(valid_setting_name("a" + std::string(63, '-')));
  for (const std::string& bad : {std::string(), std::string("1a"), std::string("-a"), std::string("a.b"),
                                 std::string("ä"), std::string(65, 'a')})
    EXPECT_FALSE(valid_setting_name(bad)) << bad;
}

}  // namespace
}  // namespace carillon::server
