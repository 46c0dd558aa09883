#include <algorithm>
#include <map>
#include <set>

#include "bus/filter_policy.hpp"
#include "server/settings_loader.hpp"
#include "server/settings_rules.hpp"

namespace carillon::server {
namespace {

using Mistake = SettingsLoader::Mistake;

constexpr std::size_t kLeastSecretBytes = 32;
constexpr std::size_t kFrameMargin = 1024;

/// Whether one of the two addresses would take connections that are meant for the other.
bool overlap(const ListenAddress& a, const ListenAddress& b) {
  const auto any = [](const std::string& host) { return host == "0.0.0.0" || host == "::"; };
  return a.port != 0 && a.port == b.port && (a.host == b.host || any(a.host) || any(b.host));
}
// Of the series that alarms are evaluated on (CONTRACT §13).
constexpr std::chrono::seconds kFineSlot{10};
constexpr std::chrono::hours kFineKept{24};
constexpr std::chrono::minutes kCoarseSlot{5};
constexpr std::chrono::hours kCoarseKept{30 * 24};

}  // namespace

std::string SettingsLoader::refuse(std::string_view key_name, std::string_view what,
                                   std::size_t index) const {
  const SettingKey& key = *find_key(key_name);
  const std::string name = full_name(key, index);
  const auto source = sources_.find(name);
  std::string out = source == sources_.end() ? "" : source->second;
  return out + name + " = " + shown_value(key, key.get(settings_, index, key)) + ": " + std::string(what);
}

Mistake SettingsLoader::check() {
  for (const auto step :
       {&SettingsLoader::check_required, &SettingsLoader::check_redactions, &SettingsLoader::check_auth,
        &SettingsLoader::check_keys_of_auth, &SettingsLoader::check_limits, &SettingsLoader::check_channels,
        &SettingsLoader::check_alarms, &SettingsLoader::check_others})
    if (auto mistake = (this->*step)()) return mistake;
  return std::nullopt;
}

Mistake SettingsLoader::check_required() const {
  for (const SettingKey& key : setting_keys()) {
    if (!key.required) continue;
    for (std::size_t index = 0; index < group_size(settings_, key.group()); ++index) {
      const std::string name = full_name(key, index);
      if (sources_.contains(name)) continue;
      return (file_.empty() ? "" : file_ + ": ") + name + ": is required: " + allowed_text(key);
    }
  }
  return std::nullopt;
}

Mistake SettingsLoader::check_redactions() const {
  for (const SettingKey& key : setting_keys())
    for (std::size_t index = 0; index < group_size(settings_, key.group()); ++index)
      if (holds_redaction(key, key.get(settings_, index, key)))
        return refuse(key.name, "must be the value itself, not what `config print` shows in its place",
                      index);
  return std::nullopt;
}

Mistake SettingsLoader::check_auth() const {
  const authorizer::Settings& auth = settings_.auth;
  if (!settings_.has_auth()) return std::nullopt;
  if (auth.issuer.empty()) return refuse("auth.issuer", "must be the `iss` of the tokens: [auth] needs it");
  if (auth.audience.empty())
    return refuse("auth.audience", "must be the `aud` of the tokens, one or a list: [auth] needs it");
  if (auth.algorithms.empty()) return refuse("auth.algorithms", "must name at least one algorithm");
  if (!auth.hs256_secret.empty() && auth.hs256_secret.size() < kLeastSecretBytes)
    return refuse("auth.hs256_secret", "must be at least 32 bytes");
  if (!auth.jwks_url.empty() && !auth.jwks_file.empty())
    return refuse("auth.jwks_file", "must not be set together with auth.jwks_url");
  const bool has_keys = !auth.jwks_url.empty() || !auth.jwks_file.empty() || !auth.hs256_secret.empty();
  if (!has_keys && !valid_secure_url(auth.issuer))
    return refuse("auth.issuer",
                  "must be an https:// URL (http:// only to loopback), or one of auth.jwks_url, "
                  "auth.jwks_file and auth.hs256_secret must be set");
  return std::nullopt;
}

Mistake SettingsLoader::check_keys_of_auth() const {
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < settings_.aws_keys.size(); ++i)
    if (!ids.insert(settings_.aws_keys[i].access_key_id).second)
      return refuse("auth.aws_keys.access_key_id", "must not be there twice", i);
  return std::nullopt;
}

Mistake SettingsLoader::check_limits() const {
  const gateway::Settings& gateway = settings_.gateway;
  if (gateway.max_outbound_bytes < gateway.max_message_bytes + kFrameMargin)
    return refuse("gateway.max_outbound_bytes", "must be at least gateway.max_message_bytes + 1024 = " +
                                                    std::to_string(gateway.max_message_bytes + kFrameMargin));
  if (gateway.heartbeat_timeout <= gateway.heartbeat)
    return refuse("gateway.heartbeat_timeout_seconds", "must be more than gateway.heartbeat_seconds = " +
                                                           std::to_string(gateway.heartbeat.count()));
  if (gateway.tls_cert.empty() != gateway.tls_key.empty())
    return gateway.tls_key.empty() ? refuse("tls.key", "must be set together with tls.cert")
                                   : refuse("tls.cert", "must be set together with tls.key");
  return std::nullopt;
}

Mistake SettingsLoader::check_channels() const {
  // Queue names are made from channel names, so two channels can want the same queue.
  std::map<std::string, std::string> queues;
  for (const char* name : {"WebSocketFifoQueue", "WebSocketStandardQueue", "MessageStorageQueue",
                           "WebSocketFifoDLQ", "WebSocketStandardDLQ", "MessageStorageDLQ"})
    queues.emplace(name, "the service itself");
  for (std::size_t i = 0; i < settings_.bus.channels.size(); ++i) {
    const bus::ChannelSettings& channel = settings_.bus.channels[i];
    const std::string section = (file_.empty() ? "" : file_ + ": ") + "channels." + channel.name;
    if (channel.name == model::kWebSocketChannel || channel.name == "MessageStorage")
      return section + ": must have another name: WebSocket and MessageStorage are the service's own";
    for (const char* suffix : {"Queue", "FifoQueue", "DLQ", "FifoDLQ"}) {
      const auto [place, added] = queues.emplace(channel.name + suffix, "channels." + channel.name);
      if (!added)
        return section + ": must have another name: its queue " + place->first + " is one of " +
               place->second;
    }
    if (channel.filter.empty()) continue;
    if (const auto policy = bus::FilterPolicy::parse(channel.filter); !policy)
      return refuse("channels.NAME.filter", "must be a filter policy: " + policy.error().details(), i);
  }
  return std::nullopt;
}

Mistake SettingsLoader::check_alarms() const {
  using std::chrono::seconds;
  for (std::size_t i = 0; i < settings_.alarms.size(); ++i) {
    const AlarmSettings& alarm = settings_.alarms[i];
    if (alarm.period % kFineSlot != seconds(0))
      return refuse("alarms.NAME.period", "must be a multiple of \"10s\"", i);
    const auto all = alarm.period * alarm.evaluation_periods;
    if (all > kCoarseKept)
      return refuse("alarms.NAME.evaluation_periods",
                    "must be at most 30 days together: metrics are kept so long", i);
    if (all >= kFineKept && alarm.period % kCoarseSlot != seconds(0))
      return refuse("alarms.NAME.period",
                    "must be a multiple of \"5m\" when all periods together are a day or more", i);
    if (!alarm.webhook_url.empty() && alarm.secret.empty() && settings_.events.secret.empty())
      return refuse("alarms.NAME.secret", "must be set, or events.secret: webhooks are signed with it", i);
  }
  return std::nullopt;
}

Mistake SettingsLoader::check_others() const {
  const EventSettings& events = settings_.events;
  if (events.connect_may_reject && events.connect_url.empty())
    return refuse("events.connect_may_reject", "must be false without events.connect_url");
  if (events.secret.empty() && (!events.connect_url.empty() || !events.disconnect_url.empty()))
    return refuse("events.secret", "must be set: events are signed with it");
  const auto internal = parse_listen(settings_.internal_listen);
  const auto main = parse_listen(settings_.gateway.listen);
  if (internal && main && overlap(*internal, *main))
    return refuse("internal.listen",
                  "must be another address than gateway.listen = " + toml_string(settings_.gateway.listen));
  const bool store = !settings_.store_url.empty();
  if (store != !settings_.bus_url.empty())
    return store ? refuse("store.url", "must not be set without bus.url")
                 : refuse("bus.url", "must not be set without store.url");
  if (store)
    return refuse("store.url",
                  "must not be set: this version has the embedded store only, the clustered one comes later");
  return std::nullopt;
}

}  // namespace carillon::server
