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
using testing::Not;

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
      "[alarms.slow]\nmetric = \"M\"\nthreshold = 1\n"
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

struct Mistake {
  const char* toml;
  const char* error;
};

class SettingsMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(SettingsMistakes, AreOneLineThatNamesKeyValueAndWhatIsAllowed) {
  EXPECT_EQ(error(GetParam().toml), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    All, SettingsMistakes,
    testing::Values(
        Mistake{"[gateway]\nlisen = \"x\"",
                "c.toml:2: gateway.lisen = \"x\": unknown key; did you mean gateway.listen?"},
        Mistake{"listen = \"x\"", "c.toml:1: listen = \"x\": unknown key; did you mean gateway.listen?"},
        Mistake{"[auth]\nhs256_secert = \"hush\"",
                "c.toml:2: auth.hs256_secert = (not shown): unknown key; did you mean auth.hs256_secret?"},
        Mistake{"[auth]\nclient_password = \"hush\"",
                "c.toml:2: auth.client_password = (not shown): unknown key; [auth] takes issuer, audience, "
                "jwks_url, "
                "jwks_file, jwks_max_stale, algorithms, hs256_secret, user_claim, org_claim, hub_claim, "
                "project_claim, leeway_seconds, aws_keys"},
        Mistake{"[gatewax]\nlisten = 1",
                "c.toml:1: gatewax: unknown key; the sections are gateway, tls, auth, "
                "publish, limits, topics, queues, channels, events, history, metrics, "
                "alarms, tracing, log, internal, store, bus"},
        Mistake{"gateway = 5", "c.toml:1: gateway = 5: must be a section: [gateway]"},
        Mistake{"[gateway]\n\nthreads = \"4\"",
                "c.toml:3: gateway.threads = \"4\": must be an integer from 0 to 1024"},
        Mistake{"[gateway]\nthreads = 1.5",
                "c.toml:2: gateway.threads = 1.5: must be an integer from 0 to 1024"},
        Mistake{"[gateway]\nthreads = 1025",
                "c.toml:2: gateway.threads = 1025: must be an integer from 0 to 1024"},
        Mistake{"[gateway]\nthreads = -1",
                "c.toml:2: gateway.threads = -1: must be an integer from 0 to 1024"},
        Mistake{"[gateway]\ncompression = 1", "c.toml:2: gateway.compression = 1: must be true or false"},
        Mistake{"[gateway]\nthreads = 2020-01-01",
                "c.toml:2: gateway.threads = a date or time: must be an integer from 0 to 1024"},
        Mistake{"[gateway]\nstage = \"publish\"",
                "c.toml:2: gateway.stage = \"publish\": must be 1 to 64 letters, digits, \"-\" and \"_\", "
                "not the "
                "name of a path"},
        Mistake{
            "[gateway]\nallowed_origins = [\"https://a.example/\"]",
            "c.toml:2: gateway.allowed_origins = [\"https://a.example/\"]: must be a list of origins such as "
            "\"https://app.example.com\": scheme, host and port, no path, no wildcard"},
        Mistake{"[gateway]\nallowed_origins = \"*\"",
                "c.toml:2: gateway.allowed_origins = \"*\": must be a list of origins such as "
                "\"https://app.example.com\": scheme, host and port, no path, no wildcard"},
        Mistake{"[gateway]\ntrusted_proxies = [\"10.0.0.0/33\"]",
                "c.toml:2: gateway.trusted_proxies = [\"10.0.0.0/33\"]: must be a list of addresses or "
                "blocks such "
                "as \"10.0.0.0/8\""},
        Mistake{"[gateway]\nmax_outbound_bytes = 262144",
                "c.toml:2: gateway.max_outbound_bytes = 262144: must be at least gateway.max_message_bytes + "
                "1024 = "
                "263168"},
        Mistake{"[gateway]\nheartbeat_seconds = 60",
                "gateway.heartbeat_timeout_seconds = 60: must be more than gateway.heartbeat_seconds = 60"},
        Mistake{"[tls]\ncert = \"c.pem\"", "tls.key = \"\": must be set together with tls.cert"},
        Mistake{"[tls]\nkey = \"k.pem\"", "tls.cert = \"\": must be set together with tls.key"},
        Mistake{"[auth]\naudience = \"a\"",
                "auth.issuer = \"\": must be the `iss` of the tokens: [auth] needs it"},
        Mistake{"[auth]\nissuer = \"https://i.example\"",
                "auth.audience = []: must be the `aud` of the tokens, one or a list: [auth] needs it"},
        Mistake{
            "[auth]\nissuer = \"me\"\naudience = \"a\"",
            "c.toml:2: auth.issuer = \"me\": must be an https:// URL (http:// only to loopback), or one of "
            "auth.jwks_url, auth.jwks_file and auth.hs256_secret must be set"},
        Mistake{"[auth]\nissuer = \"i\"\naudience = \"a\"\nhs256_secret = \"too short\"",
                "c.toml:4: auth.hs256_secret = (9 bytes, not shown): must be at least 32 bytes"},
        Mistake{
            "[auth]\nhs256_secret = 5",
            "c.toml:2: auth.hs256_secret = (not shown): must be a string of 1 to 4096 bytes without control "
            "characters"},
        Mistake{"[auth]\nalgorithms = [\"HS256\"]",
                "c.toml:2: auth.algorithms = [\"HS256\"]: must be a list of RS256, RS384, RS512, PS256, "
                "PS384, PS512, "
                "ES256, ES384, ES512 (HS256 comes with auth.hs256_secret only)"},
        Mistake{
            "[auth]\nissuer = \"i\"\naudience = \"a\"\njwks_url = \"http://i.example/jwks\"",
            "c.toml:4: auth.jwks_url = \"http://i.example/jwks\": must be an https:// URL (http:// only to "
            "loopback) with a host and without user, password and fragment"},
        Mistake{
            "[auth]\nissuer = \"i\"\naudience = \"a\"\njwks_url = \"https://i.example\"\njwks_file = \"f\"",
            "c.toml:5: auth.jwks_file = \"f\": must not be set together with auth.jwks_url"},
        Mistake{"[[auth.aws_keys]]\naccess_key_id = \"A\"",
                "c.toml: auth.aws_keys.0.secret_access_key: is required: a string of 1 to 4096 bytes without "
                "control "
                "characters"},
        Mistake{"[[auth.aws_keys]]\naccess_key_id = \"A\"\nsecret_access_key = \"s\"\n"
                "[[auth.aws_keys]]\naccess_key_id = \"A\"\nsecret_access_key = \"t\"",
                "c.toml:5: auth.aws_keys.1.access_key_id = \"A\": must not be there twice"},
        Mistake{"[auth]\naws_keys = 1", "c.toml:2: auth.aws_keys: must be sections: [[auth.aws_keys]]"},
        Mistake{
            "[publish]\nuser_targets = \"all\"",
            "c.toml:2: publish.user_targets = \"all\": must be one of \"any\", \"shared_chat\", \"none\""},
        Mistake{"[limits]\npublish_per_second = -1",
                "c.toml:2: limits.publish_per_second = -1: must be a number from 0 to 1000000"},
        Mistake{"[limits]\npublish_per_second = nan",
                "c.toml:2: limits.publish_per_second = nan: must be a number from 0 to 1000000"},
        Mistake{"[topics.fifo]\ndeduplication_window = 300",
                "c.toml:2: topics.fifo.deduplication_window = 300: must be a duration from \"1s\" to \"7d\": "
                "a whole "
                "number and ms, s, m, h or d"},
        Mistake{
            "[topics.fifo]\ndeduplication_window = \"5 minutes\"",
            "c.toml:2: topics.fifo.deduplication_window = \"5 minutes\": must be a duration from \"1s\" to "
            "\"7d\": a whole number and ms, s, m, h or d"},
        Mistake{"[channels.WebSocket]\nurl = \"http://h\"\nsecret = \"s\"",
                "c.toml: channels.WebSocket: must have another name: WebSocket and MessageStorage are the "
                "service's "
                "own"},
        Mistake{"[channels.A]\nurl = \"http://h\"\nsecret = \"s\"\n[channels.AFifo]\nurl = "
                "\"http://h\"\nsecret = \"s\"",
                "c.toml: channels.AFifo: must have another name: its queue AFifoQueue is one of channels.A"},
        Mistake{"[channels.\"a b\"]\nurl = \"http://h\"",
                "c.toml:1: channels.a b: the name must be a letter and up to 63 letters, digits, \"-\" and "
                "\"_\""},
        Mistake{"[channels]\nEmail = 3", "c.toml:2: channels.Email = 3: must be a section: [channels.NAME]"},
        Mistake{"[channels.Email]\nsecret = \"s\"",
                "c.toml: channels.Email.url: is required: an http:// or https:// URL with a host and without "
                "fragment, at most 2048 bytes"},
        Mistake{
            "[channels.Email]\nurl = \"ftp://h\"",
            "c.toml:2: channels.Email.url = \"ftp://h\": must be an http:// or https:// URL with a host and "
            "without fragment, at most 2048 bytes"},
        Mistake{"[channels.Email]\nulr = \"http://h\"",
                "c.toml:2: channels.Email.ulr = \"http://h\": unknown key; did you mean channels.Email.url?"},
        Mistake{"[channels.Email]\ntype = \"smtp\"",
                "c.toml:2: channels.Email.type = \"smtp\": must be \"webhook\""},
        Mistake{"[channels.Email]\nfilter = \"x\"",
                "c.toml:2: channels.Email.filter = \"x\": must be a filter policy such as { targetChannel = "
                "[\"Email\"] }"},
        Mistake{"[events]\nconnect_url = \"http://h\"",
                "events.secret = (0 bytes, not shown): must be set: events are signed with it"},
        Mistake{"[events]\nconnect_may_reject = true",
                "c.toml:2: events.connect_may_reject = true: must be false without events.connect_url"},
        Mistake{"[history.overrides]\n\"a-\" = 7",
                "c.toml:1: history.overrides = { a- = 7 }: must be a table of chat id prefixes and durations "
                "from "
                "\"1s\" to \"3650d\" such as { \"support-\" = \"7d\" }"},
        Mistake{"[store]\nurl = \"postgres://u:hush@h\"",
                "c.toml:2: store.url = (19 bytes, not shown): must not be set without bus.url"},
        Mistake{"[store]\nurl = \"postgres://h\"\n[bus]\nurl = \"nats://h\"",
                "c.toml:2: store.url = (12 bytes, not shown): must not be set: this version has the embedded "
                "store "
                "only, the clustered one comes later"},
        Mistake{"[log]\nlevel = \"trace\"",
                "c.toml:2: log.level = \"trace\": must be one of \"debug\", \"info\", \"warn\", \"error\", "
                "\"off\""}));

TEST(Settings, WhatIsNoTomlIsRefusedWithItsLine) {
  EXPECT_THAT(error("[gateway]\nlisten ="), HasSubstr("c.toml:2: not a TOML file: "));
  EXPECT_THAT(error("[gateway]\nlisten = 1\nlisten = 2"), HasSubstr("c.toml:3: not a TOML file: "));
  EXPECT_THAT(error(std::string(2u << 20, '#')), HasSubstr("larger than 1 MiB"));
  std::string dotted = "a";
  for (int i = 0; i < 100'000; ++i) dotted += ".a";
  EXPECT_EQ(error(dotted + " = 1"), "c.toml:1: not a TOML file: more than 512 dots");
  EXPECT_THAT(error("a = " + std::string(5000, '[')), HasSubstr("c.toml:1: not a TOML file: "));
}

TEST(Settings, ValuesInErrorsAreShortAndSafeOnATerminal) {
  const std::string text = error("[gateway]\nlisten = \"\\u202e\\u0007" + std::string(5000, 'x') + "\"");
  EXPECT_THAT(text, HasSubstr("\\u202e\\u0007xxx"));
  EXPECT_THAT(text, HasSubstr("…"));
  EXPECT_LT(text.size(), 300u);
  EXPECT_THAT(error("\"\\u001b[31m\" = 1"), HasSubstr("\\u{001b}[31m"));
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
