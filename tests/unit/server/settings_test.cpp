#include "server/settings.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Environment = std::map<std::string, std::string>;

constexpr const char* kSecret = "0123456789abcdef0123456789abcdef";

std::expected<LoadedSettings, std::string> load(std::string_view toml, const Environment& environment = {},
                                                std::vector<FlagOverride> flags = {}) {
  return load_settings_text(toml, "c.toml",
                            {.environment = environment, .flags = std::move(flags), .dev = false});
}

Settings good(std::string_view toml, const Environment& environment = {}) {
  auto loaded = load(toml, environment);
  EXPECT_TRUE(loaded) << loaded.error();
  return loaded ? loaded->settings : Settings();
}

std::string error(std::string_view toml, const Environment& environment = {}) {
  const auto loaded = load(toml, environment);
  EXPECT_FALSE(loaded) << toml;
  return loaded ? "" : loaded.error();
}

TEST(Settings, AnEmptyFileGivesTheDocumentedDefaults) {
  const Settings settings = good("");
  EXPECT_EQ(settings.gateway.listen, "127.0.0.1:8080");
  EXPECT_EQ(settings.gateway.stage, "dvl");
  EXPECT_EQ(settings.gateway.heartbeat.count(), 25);
  EXPECT_EQ(settings.gateway.heartbeat_timeout.count(), 60);
  EXPECT_EQ(settings.gateway.handshake_timeout.count(), 10);
  EXPECT_EQ(settings.gateway.max_header_bytes, 16384u);
  EXPECT_EQ(settings.gateway.max_message_bytes, 262144u);
  EXPECT_EQ(settings.gateway.max_outbound_bytes, 1048576u);
  EXPECT_EQ(settings.gateway.max_subscriptions_per_connection, 1000u);
  EXPECT_EQ(settings.gateway.drain.count(), 10);
  EXPECT_FALSE(settings.gateway.compression);
  EXPECT_THAT(settings.auth.algorithms, ElementsAre("RS256", "ES256"));
  EXPECT_EQ(settings.auth.leeway.count(), 60);
  EXPECT_EQ(settings.auth.jwks_max_stale, std::chrono::hours(24));
  EXPECT_EQ(settings.bus.user_targets, bus::UserTargets::any);
  EXPECT_EQ(settings.bus.publish_per_second, 100);
  EXPECT_EQ(settings.bus.publish_burst, 500);
  EXPECT_TRUE(settings.bus.content_based_deduplication);
  EXPECT_EQ(settings.bus.deduplication_window, std::chrono::minutes(5));
  EXPECT_EQ(settings.bus.max_attempts, 3);
  EXPECT_EQ(settings.bus.retry_base, std::chrono::milliseconds(200));
  EXPECT_EQ(settings.bus.dead_letter_retention, std::chrono::hours(14 * 24));
  EXPECT_EQ(settings.bus.history_retention, std::chrono::hours(30 * 24));
  EXPECT_EQ(settings.high_latency_ms, 1000);
  EXPECT_EQ(settings.data_dir, "./carillon-data");
  EXPECT_FALSE(settings.has_auth());
}

TEST(Settings, EverySectionIsRead) {
  const Settings settings = good(R"(
[gateway]
listen = "[::1]:0"
allowed_origins = ["https://app.example.com", "http://localhost:5173", "capacitor://localhost"]
trusted_proxies = ["10.0.0.0/8", "::1", "fd00::/8"]
threads = 3
compression = true
[tls]
cert = "/etc/c.pem"
key = "/etc/k.pem"
[auth]
issuer = "https://issuer.example.com/pool"
audience = "carillon"
algorithms = ["RS512", "PS256", "ES384"]
[[auth.aws_keys]]
access_key_id = "AKIA1"
secret_access_key = "hush"
[[auth.aws_keys]]
access_key_id = "AKIA2"
secret_access_key = "hush too"
scopes = ["carillon/publish"]
[publish]
user_targets = "shared_chat"
[limits]
publish_per_second = 2.5
connects_per_second = 10
[topics.fifo]
deduplication_window = "90s"
content_based_deduplication = false
[queues]
max_attempts = 5
retry_base_ms = 50
[channels.Email]
url = "https://mail.example.com/in"
secret = "whsec"
filter = { targetChannel = ["Email"], priority = [{ numeric = [">", 3] }] }
publishers = "backend"
[events]
connect_url = "http://127.0.0.1/c"
secret = "s"
connect_may_reject = true
[history]
retention = "7d"
[history.overrides]
"support-" = "1d"
"a.b=c" = "2h"
[alarms.slow]
metric = "ClientEndToEndLatency"
threshold = 500
period = "5m"
[tracing]
endpoint = "http://127.0.0.1:4318/v1/traces"
sample_ratio = 0.25
[log]
level = "debug"
[internal]
listen = "127.0.0.1:9100"
[store]
data_dir = "/var/lib/carillon"
)");
  EXPECT_EQ(settings.gateway.listen, "[::1]:0");
  EXPECT_EQ(settings.gateway.allowed_origins.size(), 3u);
  EXPECT_EQ(settings.gateway.trusted_proxies.size(), 3u);
  EXPECT_EQ(settings.gateway.threads, 3u);
  EXPECT_TRUE(settings.gateway.compression);
  EXPECT_EQ(settings.gateway.tls_key, "/etc/k.pem");
  EXPECT_THAT(settings.auth.audience, ElementsAre("carillon"));
  ASSERT_EQ(settings.aws_keys.size(), 2u);
  EXPECT_THAT(settings.aws_keys[0].scopes, ElementsAre("carillon/admin"));
  EXPECT_EQ(settings.aws_keys[1].secret_access_key, "hush too");
  EXPECT_EQ(settings.bus.user_targets, bus::UserTargets::shared_chat);
  EXPECT_EQ(settings.bus.publish_per_second, 2.5);
  EXPECT_EQ(settings.gateway.connects_per_second, 10);
  EXPECT_EQ(settings.bus.deduplication_window, std::chrono::seconds(90));
  ASSERT_EQ(settings.bus.channels.size(), 1u);
  EXPECT_EQ(settings.bus.channels[0].name, "Email");
  EXPECT_EQ(settings.bus.channels[0].filter,
            R"({"targetChannel":["Email"],"priority":[{"numeric":[">",3]}]})");
  EXPECT_TRUE(settings.bus.channels[0].backend_only);
  EXPECT_TRUE(settings.events.connect_may_reject);
  EXPECT_EQ(settings.bus.history_overrides.at("support-"), std::chrono::hours(24));
  EXPECT_EQ(settings.bus.history_overrides.at("a.b=c"), std::chrono::hours(2));
  ASSERT_EQ(settings.alarms.size(), 1u);
  EXPECT_EQ(settings.alarms[0].period, std::chrono::minutes(5));
  EXPECT_EQ(settings.tracing_sample_ratio, 0.25);
  EXPECT_EQ(settings.log_level, base::log::Level::debug);
  EXPECT_EQ(settings.internal_listen, "127.0.0.1:9100");
  EXPECT_EQ(settings.data_dir, "/var/lib/carillon");
}

TEST(Settings, WhatTwoRoomsUseReachesBoth) {
  const Settings settings = good(
      "[queues]\nmax_attempts = 7\nretry_base_ms = 9\n"
      "[gateway]\nmax_subscriptions_per_connection = 11\nmax_connections_per_user = 12\n");
  EXPECT_EQ(settings.gateway.max_attempts, 7);
  EXPECT_EQ(settings.gateway.retry_base.count(), 9);
  EXPECT_EQ(settings.bus.max_subscriptions_per_connection, 11u);
  EXPECT_EQ(settings.bus.max_connections_per_user, 12u);
}

TEST(Settings, TheEnvironmentOverridesTheFileAndFlagsOverrideBoth) {
  const char* file =
      "[gateway]\nlisten = \"127.0.0.1:1\"\nthreads = 1\n[topics.fifo]\ndeduplication_window = \"1m\"";
  const Environment environment{{"CARILLON_GATEWAY_LISTEN", "127.0.0.1:2"},
                                {"CARILLON_GATEWAY_THREADS", "2"},
                                {"CARILLON_TOPICS_FIFO_DEDUPLICATION_WINDOW", "2m"},
                                {"CARILLON_GATEWAY_ALLOWED_ORIGINS", "https://a.example, https://b.example"},
                                {"CARILLON_AUTH_ISSUER", "https://i.example"},
                                {"CARILLON_AUTH_AUDIENCE", "one,two"},
                                {"CARILLON_LIMITS_PUBLISH_PER_SECOND", "0.5"},
                                {"CARILLON_GATEWAY_COMPRESSION", "true"},
                                {"CARILLON_HISTORY_OVERRIDES", "a-=1d,b-=2d"}};
  const auto loaded = load(file, environment, {{"--listen", "gateway.listen", "127.0.0.1:3"}});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->settings.gateway.listen, "127.0.0.1:3");
  EXPECT_EQ(loaded->settings.gateway.threads, 2u);
  EXPECT_EQ(loaded->settings.bus.deduplication_window, std::chrono::minutes(2));
  EXPECT_THAT(loaded->settings.gateway.allowed_origins,
              ElementsAre("https://a.example", "https://b.example"));
  EXPECT_THAT(loaded->settings.auth.audience, ElementsAre("one", "two"));
  EXPECT_EQ(loaded->settings.bus.publish_per_second, 0.5);
  EXPECT_TRUE(loaded->settings.gateway.compression);
  EXPECT_EQ(loaded->settings.bus.history_overrides.at("b-"), std::chrono::hours(48));
  EXPECT_TRUE(loaded->warnings.empty());
}

TEST(Settings, TheEnvironmentReachesChannelsAlarmsAndAccessKeysOfTheFile) {
  const Settings settings = good(
      "[channels.E-mail]\nurl = \"https://x.example\"\nsecret = \"file\"\n"
      "[alarms.slow]\nmetric = \"Memory\"\nthreshold = 1\n"
      "[[auth.aws_keys]]\naccess_key_id = \"A\"\nsecret_access_key = \"file\"\n",
      {{"CARILLON_CHANNELS_E_MAIL_SECRET", "env"},
       {"CARILLON_CHANNELS_E_MAIL_FILTER", R"({"eventType":["mail"]})"},
       {"CARILLON_ALARMS_SLOW_THRESHOLD", "2.5"},
       {"CARILLON_AUTH_AWS_KEYS_0_SECRET_ACCESS_KEY", "env"}});
  EXPECT_EQ(settings.bus.channels.at(0).secret, "env");
  EXPECT_EQ(settings.bus.channels.at(0).filter, R"({"eventType":["mail"]})");
  EXPECT_EQ(settings.alarms.at(0).threshold, 2.5);
  EXPECT_EQ(settings.aws_keys.at(0).secret_access_key, "env");
}

TEST(Settings, UnknownNamesInTheEnvironmentOnlyWarn) {
  const auto loaded = load("", {{"CARILLON_GATEWAY_LISTN", "hidden"},
                                {"CARILLON_PORT", "tcp://10.0.0.1:8080"},
                                {"CARILLON_URL", "http://x"},
                                {"CARILLON_TOKEN", "t"},
                                {"PATH", "/bin"}});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_THAT(loaded->warnings,
              ElementsAre("CARILLON_GATEWAY_LISTN in the environment is no key and was ignored; did you mean "
                          "CARILLON_GATEWAY_LISTEN?",
                          HasSubstr("CARILLON_PORT in the environment is no key and was ignored")));
}

TEST(Settings, MistakesInTheEnvironmentAndInFlagsNameTheirSource) {
  EXPECT_EQ(error("", {{"CARILLON_GATEWAY_THREADS", "many"}}),
            "CARILLON_GATEWAY_THREADS: gateway.threads = \"many\": must be an integer from 0 to 1024");
  EXPECT_EQ(error("", {{"CARILLON_GATEWAY_COMPRESSION", "yes"}}),
            "CARILLON_GATEWAY_COMPRESSION: gateway.compression = \"yes\": must be true or false");
  const auto loaded = load("", {}, {{"--listen", "gateway.listen", "nowhere"}});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error(),
            "--listen: gateway.listen = \"nowhere\": must be ADDRESS:PORT such as \"127.0.0.1:8080\", "
            "\"[::1]:8080\" or \"localhost:8080\"");
  EXPECT_EQ(
      error("[channels.a-b]\nurl=\"http://h\"\nsecret=\"s\"\n[channels.a_b]\nurl=\"http://h\"\nsecret=\"s\"",
            {{"CARILLON_CHANNELS_A_B_URL", "http://i"}}),
      "CARILLON_CHANNELS_A_B_URL: stands for more than one key of the file: set it there");
}

TEST(Settings, ServingNeedsAuthOrDev) {
  EXPECT_THAT(refusal_to_serve(good("")).value_or(""), HasSubstr("[auth] is missing"));
  const std::string auth =
      std::string("[auth]\nissuer = \"i\"\naudience = \"a\"\nhs256_secret = \"") + kSecret + "\"";
  EXPECT_EQ(refusal_to_serve(good(auth)), std::nullopt);

  const auto dev = [](const char* listen) {
    const auto loaded =
        load_settings_text("", "c.toml", {.environment = {{"CARILLON_GATEWAY_LISTEN", listen}}, .dev = true});
    EXPECT_TRUE(loaded);
    EXPECT_TRUE(loaded->settings.gateway.dev);
    return refusal_to_serve(loaded->settings);
  };
  EXPECT_EQ(dev("127.0.0.1:8080"), std::nullopt);
  EXPECT_EQ(dev("127.3.2.1:8080"), std::nullopt);
  EXPECT_EQ(dev("[::1]:8080"), std::nullopt);
  EXPECT_EQ(dev("localhost:8080"), std::nullopt);
  EXPECT_EQ(dev("0.0.0.0:8080"),
            "gateway.listen = \"0.0.0.0:8080\": must be loopback (127.0.0.1, [::1] or localhost) with --dev: "
            "its key "
            "is for this machine only");
  EXPECT_NE(dev("[::]:8080"), std::nullopt);
  EXPECT_NE(dev("192.168.0.1:8080"), std::nullopt);
  const auto internal = load_settings_text("[internal]\nlisten = \"0.0.0.0:9100\"", "c.toml", {.dev = true});
  ASSERT_TRUE(internal);
  EXPECT_THAT(refusal_to_serve(internal->settings).value_or(""), HasSubstr("internal.listen"));
}

TEST(Settings, TheInternalPortIsAnotherThanTheMainOne) {
  const auto loads = [](const std::string& main, const std::string& internal) {
    return load_settings_text(
               "[gateway]\nlisten = \"" + main + "\"\n[internal]\nlisten = \"" + internal + '"', "c.toml", {})
        .has_value();
  };
  EXPECT_TRUE(loads("127.0.0.1:8080", "127.0.0.1:9100"));
  EXPECT_TRUE(loads("10.0.0.1:8080", "127.0.0.1:8080"));
  EXPECT_TRUE(loads("0.0.0.0:0", "0.0.0.0:0")) << "the system chooses two";
  EXPECT_FALSE(loads("127.0.0.1:8080", "127.0.0.1:8080"));
  EXPECT_FALSE(loads("0.0.0.0:8080", "127.0.0.1:8080"));
  EXPECT_FALSE(loads("[::1]:8080", "[::]:8080"));
}

TEST(Settings, ListenAddresses) {
  EXPECT_EQ(parse_listen("127.0.0.1:8080")->port, 8080);
  EXPECT_EQ(parse_listen("[::1]:0")->host, "::1");
  EXPECT_EQ(parse_listen("localhost:65535")->port, 65535);
  for (const char* bad :
       {"", ":", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:8080",
        "[127.0.0.1]:80", "[]:80", "[:80", "example.com:80", "127.0.0.1:080808"})
    EXPECT_FALSE(parse_listen(bad)) << bad;
}

TEST(Settings, AFileIsReadFromDisk) {
  const std::string path = testing::TempDir() + "settings_test.toml";
  std::ofstream(path) << "[gateway]\nstage = \"prod\"\n";
  const auto loaded = load_settings({.file = path});
  std::filesystem::remove(path);
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->settings.gateway.stage, "prod");
  const auto absent = load_settings({.file = path});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error(), path + ": cannot be read: No such file or directory");
  EXPECT_THAT(load_settings({.file = testing::TempDir()}).error(), HasSubstr("cannot be read: "));
}

TEST(Settings, TheProcessEnvironmentIsFilteredByPrefix) {
  setenv("CARILLON_GATEWAY_STAGE", "a=b", 1);
  setenv("OTHER_GATEWAY_STAGE", "x", 1);
  const auto environment = process_environment();
  unsetenv("CARILLON_GATEWAY_STAGE");
  unsetenv("OTHER_GATEWAY_STAGE");
  EXPECT_EQ(environment.at("CARILLON_GATEWAY_STAGE"), "a=b");
  EXPECT_FALSE(environment.contains("OTHER_GATEWAY_STAGE"));
}

}  // namespace
}  // namespace carillon::server
