#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/settings.hpp"

namespace carillon::server {
namespace {

using testing::HasSubstr;

std::string error(std::string_view toml) {
  const auto loaded = load_settings_text(toml, "c.toml", {});
  EXPECT_FALSE(loaded) << toml;
  return loaded ? "" : loaded.error();
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
        Mistake{
            "[alarms.a]\nmetric = \"Latency\"\nthreshold = 1",
            "c.toml:2: alarms.a.metric = \"Latency\": must be one of \"PublisherToProcessorLatency\", "
            "\"ClientEndToEndLatency\", \"ClientNetworkLatency\", \"ClientJitter\", "
            "\"HighLatencyMessageCount\", \"MessagesPublished\", \"SuccessfulDelivery\", \"PartialFailure\", "
            "\"DeliveryFailure\", \"UndeliveredMessage\", \"MessagesStored\", \"PublishRefused\", "
            "\"DeliveryRetries\", \"DeadLettersAdded\", \"DeadLetters\", \"QueueDepth\", \"QueueAge\", "
            "\"Connections\", \"ConnectionsOpened\", \"ConnectionsClosed\", \"AuthorizationsRefused\", "
            "\"HttpRequests\", \"HttpClientErrors\", \"HttpServerErrors\", \"ClientSamplesRefused\", "
            "\"CommitDuration\", \"CommitBatchSize\", \"LoopLag\", \"StoreSize\", \"Memory\""},
        Mistake{"[alarms.a]\nmetric = \"Memory\"",
                "c.toml: alarms.a.threshold: is required: a number from 0 to 1000000000000000"},
        Mistake{"[alarms.a]\nmetric = \"Memory\"\nthreshold = 1\nperiod = \"15s\"",
                "c.toml:4: alarms.a.period = \"15s\": must be a multiple of \"10s\""},
        Mistake{"[alarms.a]\nmetric = \"Memory\"\nthreshold = 1\nperiod = \"1d\"\nevaluation_periods = 31",
                "c.toml:5: alarms.a.evaluation_periods = 31: must be at most 30 days together: metrics are "
                "kept so long"},
        Mistake{"[alarms.a]\nmetric = \"Memory\"\nthreshold = 1\nperiod = \"1450s\"\nevaluation_periods = 60",
                "c.toml:4: alarms.a.period = \"1450s\": must be a multiple of \"5m\" when all periods "
                "together are a day or more"},
        Mistake{"[alarms.a]\nmetric = \"Memory\"\nthreshold = 1\nwebhook_url = \"http://h\"",
                "alarms.a.secret = (0 bytes, not shown): must be set, or events.secret: webhooks are signed "
                "with it"},
        Mistake{"[alarms.a]\nmetric = \"Memory\"\nthreshold = 1\nsecret = \"whsec_!\"",
                "c.toml:4: alarms.a.secret = (7 bytes, not shown): must be a string of 1 to 4096 bytes "
                "without control characters; after \"whsec_\" it is base64"},
        Mistake{"[channels.Email]\nurl = \"http://h\"\nsecret = \"whsec_!\"",
                "c.toml:3: channels.Email.secret = (7 bytes, not shown): must be a string of 1 to 4096 bytes "
                "without control characters; after \"whsec_\" it is base64"},
        Mistake{"[events]\nconnect_url = \"http://h\"",
                "events.secret = (0 bytes, not shown): must be set: events are signed with it"},
        Mistake{"[events]\nconnect_may_reject = true",
                "c.toml:2: events.connect_may_reject = true: must be false without events.connect_url"},
        Mistake{"[history.overrides]\n\"a-\" = 7",
                "c.toml:1: history.overrides = { a- = 7 }: must be a table of chat id prefixes and durations "
                "from "
                "\"1s\" to \"3650d\" such as { \"support-\" = \"7d\" }"},
        Mistake{"[internal]\nlisten = \"127.0.0.1:8080\"",
                "c.toml:2: internal.listen = \"127.0.0.1:8080\": must be another address than "
                "gateway.listen = \"127.0.0.1:8080\""},
        Mistake{"[gateway]\nlisten = \"10.0.0.1:80\"\n[internal]\nlisten = \"0.0.0.0:80\"",
                "c.toml:4: internal.listen = \"0.0.0.0:80\": must be another address than gateway.listen = "
                "\"10.0.0.1:80\""},
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
  EXPECT_THAT(error("[gateway]\nä = 1"), HasSubstr("c.toml:2: not a TOML file: "));
  EXPECT_THAT(error("[gateway]\nlisten = ª"), HasSubstr("c.toml:2: not a TOML file: "));
  // On these toml++ 3.3 asserts.
  EXPECT_EQ(error("[gateway]\nthreads = 1\n[.tls]\ncert = 1\n"),
            "c.toml:3: not a TOML file: a name that cannot be read");
  EXPECT_EQ(error(std::string("[\0\0", 3)), "c.toml:1: not a TOML file: a name that cannot be read");
}

TEST(Settings, ValuesInErrorsAreShortAndSafeOnATerminal) {
  const std::string text = error("[gateway]\nlisten = \"\\u202e\\u0007" + std::string(5000, 'x') + "\"");
  EXPECT_THAT(text, HasSubstr("\\u202e\\u0007xxx"));
  EXPECT_THAT(text, HasSubstr("…"));
  EXPECT_LT(text.size(), 300u);
  EXPECT_THAT(error("\"\\u001b[31m\" = 1"), HasSubstr("\\u{001b}[31m"));
}

}  // namespace
}  // namespace carillon::server
