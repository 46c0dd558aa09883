#include "server/settings_keys.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

#include "base/clock.hpp"
#include "metric_collector/metric_catalogue.hpp"
#include "server/settings_rules.hpp"

namespace carillon::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Overrides = std::map<std::string, milliseconds>;

template <typename T>
SettingValue to_value(const T& from, const SettingKey& key) {
  if constexpr (std::is_same_v<T, Overrides>) {
    std::vector<std::string> list;
    list.reserve(from.size());
    for (const auto& [prefix, retention] : from)
      list.push_back(prefix + '=' + base::format_duration(retention));
    return list;
  } else if constexpr (std::is_same_v<T, seconds>) {
    return static_cast<std::int64_t>(from.count());
  } else if constexpr (std::is_same_v<T, milliseconds>) {
    if (key.kind == KeyKind::duration) return base::format_duration(from);
    return static_cast<std::int64_t>(from.count());
  } else if constexpr (std::is_enum_v<T> || std::is_same_v<T, bool>) {
    if (key.kind == KeyKind::choice) return std::string(key.choices[static_cast<std::size_t>(from)]);
    return static_cast<bool>(from);
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<std::int64_t>(from);
  } else {
    return from;
  }
}

template <typename T>
void from_value(T& to, const SettingKey& key, const SettingValue& value) {
  if constexpr (std::is_same_v<T, Overrides>) {
    to.clear();
    for (const std::string& entry : std::get<std::vector<std::string>>(value)) {
      const std::size_t equals = entry.rfind('=');
      to[entry.substr(0, equals)] = *base::parse_duration(std::string_view(entry).substr(equals + 1));
    }
  } else if constexpr (std::is_same_v<T, seconds>) {
    to = seconds(std::get<std::int64_t>(value));
  } else if constexpr (std::is_same_v<T, milliseconds>) {
    to = key.kind == KeyKind::duration ? *base::parse_duration(std::get<std::string>(value))
                                       : milliseconds(std::get<std::int64_t>(value));
  } else if constexpr (std::is_enum_v<T> || std::is_same_v<T, bool>) {
    if (key.kind == KeyKind::choice) {
      const auto at = std::ranges::find(key.choices, std::string_view(std::get<std::string>(value)));
      to = static_cast<T>(at - key.choices.begin());
    } else {
      to = static_cast<T>(std::get<bool>(value));
    }
  } else if constexpr (std::is_integral_v<T>) {
    to = static_cast<T>(std::get<std::int64_t>(value));
  } else {
    to = std::get<T>(value);
  }
}

template <typename Reach>
struct Field {
  static SettingValue get(const Settings& settings, std::size_t index, const SettingKey& key) {
    return to_value(Reach()(settings, index), key);
  }
  static void set(Settings& settings, std::size_t index, const SettingKey& key, const SettingValue& value) {
    from_value(Reach()(settings, index), key, value);
  }
};

#define CARILLON_FIELD(path)                                                                                \
  .get = Field<decltype([](auto& s, [[maybe_unused]] std::size_t index) -> auto& { return s.path; })>::get, \
  .set = Field<decltype([](auto& s, [[maybe_unused]] std::size_t index) -> auto& { return s.path; })>::set

constexpr std::array<std::string_view, 3> kUserTargets{"any", "shared_chat", "none"};
constexpr std::array<std::string_view, 2> kPublishers{"any", "backend"};
constexpr std::array<std::string_view, 1> kChannelTypes{"webhook"};
constexpr std::array<std::string_view, 5> kLevels{"debug", "info", "warn", "error", "off"};
constexpr std::array<std::string_view, 9> kStatistics{"count", "sum", "min", "max", "avg",
                                                      "p50",   "p90", "p95", "p99"};
const std::vector<std::string_view> kMetrics = [] {
  std::vector<std::string_view> names;
  for (const metric_collector::Metric& each : metric_collector::catalogue()) names.push_back(each.name);
  return names;
}();
constexpr std::string_view kWebhookSecret =
    "a string of 1 to 4096 bytes without control characters; after \"whsec_\" it is base64";
constexpr std::string_view kScopeList = "a list of scopes such as \"carillon/admin\"";
constexpr std::string_view kNetworkList = "a list of addresses or blocks such as \"10.0.0.0/8\"";
constexpr std::string_view kOriginList =
    "a list of origins such as \"https://app.example.com\": scheme, host and port, no path, no wildcard";
constexpr std::string_view kSecureUrl =
    "an https:// URL (http:// only to loopback) with a host and without user, password and fragment";
constexpr double kSecond = 1000;
constexpr double kHour = 3600 * kSecond;
constexpr double kDay = 24 * kHour;

using enum KeyKind;

/// The only type there is; a channel of another type could not be read.
struct ChannelType {
  static SettingValue get(const Settings&, std::size_t, const SettingKey&) { return std::string("webhook"); }
  static void set(Settings&, std::size_t, const SettingKey&, const SettingValue&) {}
};

// clang-format off
const std::array kKeys = std::to_array<SettingKey>({
    {.name = "gateway.listen", .kind = listen, CARILLON_FIELD(gateway.listen),
     .description = "Address and port for HTTP and WebSocket. Port 0 takes a free one"},
    {.name = "gateway.stage", CARILLON_FIELD(gateway.stage),
     .description = "Path segment that may stand before every path: `/dvl/publish` is `/publish`. Empty: none",
     .valid = valid_stage, .allowed = "1 to 64 letters, digits, \"-\" and \"_\", not the name of a path", .may_be_empty = true},
    {.name = "gateway.allowed_origins", .kind = text_list, CARILLON_FIELD(gateway.allowed_origins),
     .description = "Web pages from elsewhere that may call (CORS) and open a WebSocket",
     .valid = valid_origin, .allowed = kOriginList},
    {.name = "gateway.trusted_proxies", .kind = text_list, CARILLON_FIELD(gateway.trusted_proxies),
     .description = "Proxies whose forwarded headers count", .valid = valid_network, .allowed = kNetworkList},
    {.name = "gateway.threads", .kind = integer, CARILLON_FIELD(gateway.threads),
     .description = "Event loops. 0: as many as cores", .min = 0, .max = 1024},
    {.name = "gateway.heartbeat_seconds", .kind = integer, CARILLON_FIELD(gateway.heartbeat),
     .description = "Time between pings to a connection", .min = 1, .max = 3600},
    {.name = "gateway.heartbeat_timeout_seconds", .kind = integer, CARILLON_FIELD(gateway.heartbeat_timeout),
     .description = "Silence after which a connection is closed (4408). Longer than `heartbeat_seconds`", .min = 2, .max = 86400},
    {.name = "gateway.handshake_timeout_seconds", .kind = integer, CARILLON_FIELD(gateway.handshake_timeout),
     .description = "Time for a TLS handshake, and for a request to arrive", .min = 1, .max = 600},
    {.name = "gateway.max_header_bytes", .kind = integer, CARILLON_FIELD(gateway.max_header_bytes),
     .description = "Size of a request's header", .min = 1024, .max = 1048576},
    {.name = "gateway.max_message_bytes", .kind = integer, CARILLON_FIELD(gateway.max_message_bytes),
     .description = "Size of a message: a request's body (a batch may have four times as much), a client's frame", .min = 1024, .max = 16777216},
    {.name = "gateway.max_outbound_bytes", .kind = integer, CARILLON_FIELD(gateway.max_outbound_bytes),
     .description = "What may wait to be sent to one connection. At least `max_message_bytes` + 1024", .min = 2048, .max = 1073741824},
    {.name = "gateway.max_connections", .kind = integer, CARILLON_FIELD(gateway.max_connections),
     .description = "Connections at a time", .min = 1, .max = 10000000},
    {.name = "gateway.max_connections_per_user", .kind = integer, CARILLON_FIELD(gateway.max_connections_per_user),
     .description = "Connections of one user at a time", .min = 1, .max = 10000000},
    {.name = "gateway.max_connections_per_address", .kind = integer, CARILLON_FIELD(gateway.max_connections_per_address),
     .description = "Connections from one address at a time", .min = 1, .max = 10000000},
    {.name = "gateway.max_subscriptions_per_connection", .kind = integer, CARILLON_FIELD(gateway.max_subscriptions_per_connection),
     .description = "Chats that one connection may be subscribed to", .min = 1, .max = 100000},
    {.name = "gateway.drain_seconds", .kind = integer, CARILLON_FIELD(gateway.drain),
     .description = "Time over which connections are closed when the server stops", .min = 0, .max = 3600},
    {.name = "gateway.compression", .kind = boolean, CARILLON_FIELD(gateway.compression),
     .description = "Offers permessage-deflate. Costs memory per connection"},

    {.name = "tls.cert", CARILLON_FIELD(gateway.tls_cert),
     .description = "PEM file with the certificate chain. With `key`: TLS instead of plain HTTP", .may_be_empty = true},
    {.name = "tls.key", CARILLON_FIELD(gateway.tls_key), .description = "PEM file with the private key", .may_be_empty = true},

    {.name = "auth.issuer", CARILLON_FIELD(auth.issuer),
     .description = "`iss` of the tokens. Required for `[auth]`", .may_be_empty = true},
    {.name = "auth.audience", .kind = text_or_list, CARILLON_FIELD(auth.audience),
     .description = "`aud` of the tokens, or several that are accepted. Required for `[auth]`"},
    {.name = "auth.jwks_url", CARILLON_FIELD(auth.jwks_url),
     .description = "Where the issuer's keys are. Not set: `<issuer>/.well-known/jwks.json`, unless `jwks_file` or `hs256_secret` is set",
     .valid = valid_secure_url, .allowed = kSecureUrl, .may_be_empty = true},
    {.name = "auth.jwks_file", CARILLON_FIELD(auth.jwks_file),
     .description = "File with the issuer's keys, instead of a URL", .may_be_empty = true},
    {.name = "auth.jwks_max_stale", .kind = duration, CARILLON_FIELD(auth.jwks_max_stale),
     .description = "How long the last good keys are used while the issuer does not answer", .min = 0, .max = 365 * kDay},
    {.name = "auth.algorithms", .kind = text_list, CARILLON_FIELD(auth.algorithms),
     .description = "Signatures that are accepted: RS, PS or ES with 256, 384 or 512", .valid = valid_algorithm,
     .allowed = "a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 (HS256 comes with auth.hs256_secret only)"},
    {.name = "auth.hs256_secret", CARILLON_FIELD(auth.hs256_secret),
     .description = "Shared secret of tokens signed with HS256, at least 32 bytes. Not set: HS256 is refused", .may_be_empty = true, .secret = true},
    {.name = "auth.user_claim", CARILLON_FIELD(auth.user_claim), .description = "Claim that holds the user's id"},
    {.name = "auth.org_claim", CARILLON_FIELD(auth.org_claim),
     .description = "Claim with the user's organisation or organisations. Empty: permission entries only", .may_be_empty = true},
    {.name = "auth.hub_claim", CARILLON_FIELD(auth.hub_claim), .description = "The same for hubs", .may_be_empty = true},
    {.name = "auth.project_claim", CARILLON_FIELD(auth.project_claim), .description = "The same for projects", .may_be_empty = true},
    {.name = "auth.leeway_seconds", .kind = integer, CARILLON_FIELD(auth.leeway),
     .description = "By how much the issuer's clock may differ", .min = 0, .max = 600},
    {.name = "auth.aws_keys.access_key_id", CARILLON_FIELD(aws_keys[index].access_key_id),
     .description = "Name of an access key for `/@connections` with SigV4", .valid = valid_access_key_id,
     .allowed = "1 to 128 letters, digits and \"_\"", .required = true},
    {.name = "auth.aws_keys.secret_access_key", CARILLON_FIELD(aws_keys[index].secret_access_key),
     .description = "Its secret", .secret = true, .required = true},
    {.name = "auth.aws_keys.scopes", .kind = text_list, CARILLON_FIELD(aws_keys[index].scopes),
     .description = "What it may do", .valid = valid_scope, .allowed = kScopeList},

    {.name = "publish.user_targets", .kind = choice, CARILLON_FIELD(bus.user_targets),
     .description = "To whom a user may publish directly: to any user, to those of a chat of one's own, to nobody", .choices = kUserTargets},

    {.name = "limits.publish_per_second", .kind = number, CARILLON_FIELD(bus.publish_per_second),
     .description = "Messages per second and user, in the long run. 0: no limit", .min = 0, .max = 1e6},
    {.name = "limits.publish_burst", .kind = number, CARILLON_FIELD(bus.publish_burst),
     .description = "Messages that a user may publish at once", .min = 1, .max = 1e6},
    {.name = "limits.connects_per_second", .kind = number, CARILLON_FIELD(gateway.connects_per_second),
     .description = "Connects per second and address. 0: no limit", .min = 0, .max = 1e6},

    {.name = "topics.fifo.content_based_deduplication", .kind = boolean, CARILLON_FIELD(bus.content_based_deduplication),
     .description = "Whether fifo messages without a deduplication id are compared by content"},
    {.name = "topics.fifo.deduplication_window", .kind = duration, CARILLON_FIELD(bus.deduplication_window),
     .description = "How long a repeated message is recognised", .min = kSecond, .max = 7 * kDay},

    {.name = "queues.max_depth", .kind = integer, CARILLON_FIELD(bus.max_depth),
     .description = "Messages that may wait in one queue. Over it publishing is answered 503", .min = 1, .max = 100000000},
    {.name = "queues.max_attempts", .kind = integer, CARILLON_FIELD(bus.max_attempts),
     .description = "Attempts in all, before a message goes to the dead letter queue", .min = 1, .max = 100},
    {.name = "queues.retry_base_ms", .kind = integer, CARILLON_FIELD(bus.retry_base),
     .description = "Delay before the second attempt; doubles from there, with jitter", .min = 1, .max = 600000},
    {.name = "queues.dead_letter_retention", .kind = duration, CARILLON_FIELD(bus.dead_letter_retention),
     .description = "How long dead letters are kept", .min = kSecond, .max = 3650 * kDay},

    {.name = "channels.NAME.type", .kind = choice, .get = ChannelType::get, .set = ChannelType::set,
     .description = "How messages of the channel are handed over", .choices = kChannelTypes},
    {.name = "channels.NAME.url", .kind = url, CARILLON_FIELD(bus.channels[index].url),
     .description = "Where they are posted", .required = true},
    {.name = "channels.NAME.secret", CARILLON_FIELD(bus.channels[index].secret),
     .description = "Key of the signature (Standard Webhooks)", .valid = valid_webhook_secret, .allowed = kWebhookSecret, .secret = true, .required = true},
    {.name = "channels.NAME.filter", .kind = filter, CARILLON_FIELD(bus.channels[index].filter),
     .description = "Filter policy. Not set: `targetChannel` is the channel's name", .may_be_empty = true},
    {.name = "channels.NAME.publishers", .kind = choice, CARILLON_FIELD(bus.channels[index].backend_only),
     .description = "Who may publish to it: anybody, or tokens with `carillon/publish` or `carillon/admin`", .choices = kPublishers},

    {.name = "events.connect_url", .kind = url, CARILLON_FIELD(events.connect_url),
     .description = "Gets a signed POST for every connect", .may_be_empty = true},
    {.name = "events.disconnect_url", .kind = url, CARILLON_FIELD(events.disconnect_url),
     .description = "Gets a signed POST for every disconnect", .may_be_empty = true},
    {.name = "events.connect_may_reject", .kind = boolean, CARILLON_FIELD(events.connect_may_reject),
     .description = "Whether the answer of `connect_url` decides on the connect: the 101 waits for it, 9 seconds at most"},
    {.name = "events.secret", CARILLON_FIELD(events.secret),
     .description = "Key of the signature, also of alarms without a secret of their own. Required with a URL", .valid = valid_webhook_secret, .allowed = kWebhookSecret, .may_be_empty = true, .secret = true},

    {.name = "history.retention", .kind = duration, CARILLON_FIELD(bus.history_retention),
     .description = "How long messages are kept", .min = kSecond, .max = 3650 * kDay},
    {.name = "history.overrides", .kind = overrides, CARILLON_FIELD(bus.history_overrides),
     .description = "Other times for chats whose id begins with a prefix: `\"support-\" = \"7d\"`", .min = kSecond, .max = 3650 * kDay},

    {.name = "metrics.high_latency_ms", .kind = integer, CARILLON_FIELD(high_latency_ms),
     .description = "Latency over which a message counts as slow", .min = 1, .max = 3600000},

    {.name = "alarms.NAME.metric", .kind = choice, CARILLON_FIELD(alarms[index].metric), .description = "The metric that is watched",
     .choices = kMetrics, .required = true},
    {.name = "alarms.NAME.statistic", .kind = choice, CARILLON_FIELD(alarms[index].statistic),
     .description = "What of it", .choices = kStatistics},
    {.name = "alarms.NAME.threshold", .kind = number, CARILLON_FIELD(alarms[index].threshold),
     .description = "Over which the alarm goes off", .min = 0, .max = 1e15, .required = true},
    {.name = "alarms.NAME.period", .kind = duration, CARILLON_FIELD(alarms[index].period),
     .description = "Over which the statistic is taken: a multiple of 10 s", .min = 10 * kSecond, .max = kDay},
    {.name = "alarms.NAME.evaluation_periods", .kind = integer, CARILLON_FIELD(alarms[index].evaluation_periods),
     .description = "How many periods in a row must be over the threshold; 30 days in all at most", .min = 1, .max = 100},
    {.name = "alarms.NAME.webhook_url", .kind = url, CARILLON_FIELD(alarms[index].webhook_url),
     .description = "Gets a signed POST when the state changes", .may_be_empty = true},
    {.name = "alarms.NAME.secret", CARILLON_FIELD(alarms[index].secret),
     .description = "Key of the signature (Standard Webhooks). Not set: `[events] secret`",
     .valid = valid_webhook_secret, .allowed = kWebhookSecret, .may_be_empty = true, .secret = true},

    {.name = "tracing.endpoint", .kind = url, CARILLON_FIELD(tracing_endpoint),
     .description = "Where spans are sent (OTLP over HTTP, JSON). Without a path: to `/v1/traces` there. Not set: no tracing", .may_be_empty = true},
    {.name = "tracing.sample_ratio", .kind = number, CARILLON_FIELD(tracing_sample_ratio),
     .description = "The part of the traces that begin here that is sent; those that come in say it themselves, up to 100 a second", .min = 0, .max = 1},

    {.name = "log.level", .kind = choice, CARILLON_FIELD(log_level), .description = "What is logged, on stderr", .choices = kLevels},

    {.name = "internal.listen", .kind = listen, CARILLON_FIELD(internal_listen),
     .description = "Address and port for metrics without a token", .may_be_empty = true},

    {.name = "store.data_dir", CARILLON_FIELD(data_dir), .description = "Directory of the embedded store; one server at a time"},
    {.name = "store.url", CARILLON_FIELD(store_url),
     .description = "Of a store outside. There is none in this version: must not be set", .may_be_empty = true, .secret = true},
    {.name = "bus.url", CARILLON_FIELD(bus_url),
     .description = "Of a bus outside. There is none in this version: must not be set", .may_be_empty = true, .secret = true},
});
// clang-format on
#undef CARILLON_FIELD

}  // namespace

KeyGroup SettingKey::group() const {
  if (name.starts_with("channels.")) return KeyGroup::channel;
  if (name.starts_with("alarms.")) return KeyGroup::alarm;
  if (name.starts_with("auth.aws_keys.")) return KeyGroup::aws_key;
  return KeyGroup::none;
}

std::span<const SettingKey> setting_keys() {
  return kKeys;
}

std::size_t group_size(const Settings& settings, KeyGroup group) {
  switch (group) {
    case KeyGroup::channel:
      return settings.bus.channels.size();
    case KeyGroup::alarm:
      return settings.alarms.size();
    case KeyGroup::aws_key:
      return settings.aws_keys.size();
    case KeyGroup::none:
      break;
  }
  return 1;
}

void add_to_group(Settings& settings, KeyGroup group, std::string name) {
  if (group == KeyGroup::channel)
    settings.bus.channels.emplace_back().name = std::move(name);
  else if (group == KeyGroup::alarm)
    settings.alarms.emplace_back().name = std::move(name);
  else if (group == KeyGroup::aws_key)
    settings.aws_keys.emplace_back();
}

std::string group_section(const Settings& settings, KeyGroup group, std::size_t index) {
  if (group == KeyGroup::channel) return "channels." + settings.bus.channels[index].name;
  if (group == KeyGroup::alarm) return "alarms." + settings.alarms[index].name;
  return "auth.aws_keys." + std::to_string(index);
}

std::string environment_name(std::string_view key_name) {
  std::string out = "CARILLON_";
  for (const char c : key_name)
    out += c == '.' || c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

}  // namespace carillon::server
