#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/clock.hpp"
#include "server/settings.hpp"
#include "server/settings_keys.hpp"
#include "server/settings_rules.hpp"

namespace carillon::server {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kSecrets = R"(
[auth]
issuer = "https://i.example"
audience = ["a"]
hs256_secret = "hush-hush-hush-hush-hush-hush-hush"
[[auth.aws_keys]]
access_key_id = "AKIA"
secret_access_key = "hush-aws"
[channels.Email]
url = "https://user:hush-url@mail.example.com/in?key=hush-query"
secret = "hush-channel"
[events]
connect_url = "https://hush-user@h.example/x"
secret = "hush-events"
)";

TEST(SettingsPrint, SecretsAreNotShown) {
  const auto loaded = load_settings_text(kSecrets, "c.toml", {});
  ASSERT_TRUE(loaded) << loaded.error();
  for (const std::string& text : {print_settings(loaded->settings), print_settings_json(loaded->settings)}) {
    EXPECT_THAT(text, Not(HasSubstr("hush")));
    EXPECT_THAT(text, HasSubstr("https://**redacted**@mail.example.com/in?**redacted**"));
    EXPECT_THAT(text, HasSubstr("https://**redacted**@h.example/x"));
  }
  EXPECT_THAT(print_settings(loaded->settings), HasSubstr("hs256_secret = \"**redacted**\"\n"));
}

TEST(SettingsPrint, WhatWasRedactedDoesNotLoadAsAValue) {
  const auto loaded = load_settings_text(kSecrets, "c.toml", {});
  ASSERT_TRUE(loaded);
  const std::string printed = print_settings(loaded->settings);
  const auto again = load_settings_text(printed, "p.toml", {});
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error(),
              HasSubstr("auth.hs256_secret = (12 bytes, not shown): must be the value itself, not what "
                        "`config print` shows in its place"));

  const auto complete = load_settings_text(
      printed, "p.toml",
      {.environment = {
           {"CARILLON_AUTH_HS256_SECRET", "hush-hush-hush-hush-hush-hush-hush"},
           {"CARILLON_AUTH_AWS_KEYS_0_SECRET_ACCESS_KEY", "hush-aws"},
           {"CARILLON_CHANNELS_EMAIL_URL", "https://user:hush-url@mail.example.com/in?key=hush-query"},
           {"CARILLON_CHANNELS_EMAIL_SECRET", "hush-channel"},
           {"CARILLON_EVENTS_CONNECT_URL", "https://hush-user@h.example/x"},
           {"CARILLON_EVENTS_SECRET", "hush-events"}}});
  ASSERT_TRUE(complete) << complete.error();
  EXPECT_EQ(complete->settings.bus.channels.at(0).url, loaded->settings.bus.channels.at(0).url);
  EXPECT_EQ(complete->settings.auth.hs256_secret, loaded->settings.auth.hs256_secret);
}

TEST(SettingsPrint, DefaultsLoadAgain) {
  const std::string printed = print_settings(Settings());
  const auto again = load_settings_text(printed, "p.toml", {});
  ASSERT_TRUE(again) << again.error() << printed;
  EXPECT_EQ(print_settings(again->settings), printed);
  EXPECT_THAT(printed,
              HasSubstr("[gateway]\nlisten = \"127.0.0.1:8080\"\nstage = \"dvl\"\nallowed_origins = []\n"));
  EXPECT_THAT(
      printed,
      HasSubstr("\n[topics.fifo]\ncontent_based_deduplication = true\ndeduplication_window = \"5m\"\n"));
}

TEST(SettingsPrint, IsSafeOnATerminal) {
  Settings settings;
  settings.data_dir = "a\u202eb\u009bc\\\"d";
  const std::string printed = print_settings(settings);
  EXPECT_THAT(printed, HasSubstr("data_dir = \"a\\u202eb\\u009bc\\\\\\\"d\"\n"));
  const auto again = load_settings_text(printed, "p.toml", {});
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(again->settings.data_dir, settings.data_dir);
}

TEST(SettingsPrint, JsonHasTheSameKeys) {
  Settings settings;
  settings.bus.history_overrides["support-"] = std::chrono::hours(24);
  settings.aws_keys.push_back({"AKIA", "hush", {"carillon/admin"}});
  const std::string json = print_settings_json(settings);
  EXPECT_THAT(
      json,
      HasSubstr(R"("topics":{"fifo":{"content_based_deduplication":true,"deduplication_window":"5m"}})"));
  EXPECT_THAT(json, HasSubstr(R"("overrides":{"support-":"1d"})"));
  EXPECT_THAT(json, HasSubstr(R"("aws_keys":[{"access_key_id":"AKIA","secret_access_key":"**redacted**",)"));
}

/// A value that `key` takes.
SettingValue arbitrary_value(const SettingKey& key) {
  const auto text = [] {
    // Anything but control characters, some of it awkward in TOML and on terminals.
    static const std::vector<std::string> kPieces{"a", "Z", "0", "\"", "\\",     "'", "#",      "=",
                                                  " ", ".", "-", "ü",  "\u202e", "𝄞", "\u0085", "]"};
    std::string out;
    const int size = *rc::gen::inRange(1, 12);
    for (int i = 0; i < size; ++i) out += *rc::gen::elementOf(kPieces);
    return out;
  };
  const auto duration = [&] {
    const auto ms = *rc::gen::inRange<std::int64_t>(static_cast<std::int64_t>(key.min),
                                                    static_cast<std::int64_t>(key.max) + 1);
    return base::format_duration(std::chrono::milliseconds(ms));
  };
  switch (key.kind) {
    case KeyKind::listen:
      return *rc::gen::element<std::string>("127.0.0.1:1", "[::1]:65535", "localhost:0");
    case KeyKind::url:
      return *rc::gen::element<std::string>("https://h.example/a%20b", "http://[::1]:9/x");
    case KeyKind::choice:
      return std::string(key.choices[*rc::gen::inRange<std::size_t>(0, key.choices.size())]);
    case KeyKind::integer:
      return *rc::gen::inRange<std::int64_t>(static_cast<std::int64_t>(key.min),
                                             static_cast<std::int64_t>(key.max) + 1);
    case KeyKind::number:
      return key.min + (key.max - key.min) * *rc::gen::inRange(0, 1000) / 1000.0;
    case KeyKind::boolean:
      return *rc::gen::arbitrary<bool>();
    case KeyKind::duration:
      return duration();
    case KeyKind::overrides:
      return std::vector<std::string>{text() + '=' + duration()};
    case KeyKind::filter:
      return *rc::gen::element<std::string>(
          "{\"eventType\":[\"a\",{\"prefix\":\"\u202e\\\"\"}],\"n\":[{\"numeric\":[\"<=\",7]}]}",
          R"({"x y":[{"anything-but":["é",7]}]})");
    case KeyKind::text_list:
    case KeyKind::text_or_list:
    case KeyKind::text:
      break;
  }
  std::string one = text();
  if (key.valid == valid_stage) one = "st-1_x";
  if (key.valid == valid_origin) one = "https://a.example:8443";
  if (key.valid == valid_network) one = "fd00::/8";
  if (key.valid == valid_secure_url) one = "https://i.example/jwks";
  if (key.valid == valid_algorithm) one = "PS384";
  if (key.valid == valid_scope) one = "carillon/publish";
  if (key.valid == valid_access_key_id) one = "AKIA_9";
  if (key.kind == KeyKind::text) return one;
  return std::vector<std::string>{one, one};
}

TEST(SettingsPrint, EveryKeyComesBackAsItWasPrinted) {
  using std::chrono::milliseconds;
  static constexpr milliseconds kCoarse{std::chrono::minutes(5)};
  EXPECT_TRUE(rc::check("every key, any value it takes", [] {
    Settings settings;
    settings.bus.channels.push_back({.name = "Mail-1"});
    settings.alarms.push_back({.name = "slow"});
    settings.aws_keys.emplace_back();
    std::map<std::string, std::string> secrets;
    for (const SettingKey& key : setting_keys()) {
      if (key.name == "store.url" || key.name == "bus.url") continue;
      const SettingValue value = arbitrary_value(key);
      RC_ASSERT(takes(key, value));
      key.set(settings, 0, key, value);
    }
    // What single keys cannot know of one another.
    settings.auth.hs256_secret += std::string(32, 's');
    settings.auth.jwks_file.clear();
    settings.auth.audience = {"a"};
    settings.gateway.max_message_bytes = 1024;
    settings.gateway.max_outbound_bytes = std::max<std::size_t>(settings.gateway.max_outbound_bytes, 2048);
    settings.gateway.heartbeat_timeout = settings.gateway.heartbeat + std::chrono::seconds(1);
    if (settings.internal_listen == settings.gateway.listen) settings.internal_listen.clear();
    AlarmSettings& alarm = settings.alarms[0];
    alarm.period = std::max(alarm.period / kCoarse * kCoarse, kCoarse);
    alarm.evaluation_periods = std::min<std::int64_t>(alarm.evaluation_periods, 30);
    for (const SettingKey& key : setting_keys()) {
      if (!key.secret) continue;
      const std::string section = key.group() == KeyGroup::none ? std::string(key.section())
                                                                : group_section(settings, key.group(), 0);
      secrets[environment_name(section + '.' + std::string(key.leaf()))] =
          std::get<std::string>(key.get(settings, 0, key));
    }
    const std::string printed = print_settings(settings);
    const auto again = load_settings_text(printed, "p.toml", {.environment = secrets});
    if (!again) RC_FAIL(again.error() + "\n" + printed);
    for (const SettingKey& key : setting_keys())
      if (key.get(again->settings, 0, key) != key.get(settings, 0, key))
        RC_FAIL(std::string(key.name) + " differs in\n" + printed);
  }));
}

}  // namespace
}  // namespace carillon::server
