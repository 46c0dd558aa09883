#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authorizer/settings.hpp"
#include "base/log.hpp"
#include "bus/settings.hpp"
#include "gateway/settings.hpp"

/// The configuration of a server (CONTRACT §1, §14): a TOML file, over it the environment, over that flags.
/// server/settings_keys.hpp lists every key; docs/configuration.md explains them.
namespace carillon::server {

/// `[[auth.aws_keys]]`: an access key for the cloud's management API.
struct AwsKey {
  std::string access_key_id;
  std::string secret_access_key;
  std::vector<std::string> scopes{"carillon/admin"};
};

/// `[events]`: whom to tell of connects and disconnects.
struct EventSettings {
  std::string connect_url;
  std::string disconnect_url;
  bool connect_may_reject = false;
  std::string secret;
};

/// `[alarms.NAME]`.
struct AlarmSettings {
  std::string name;
  std::string metric;
  std::string statistic = "avg";
  double threshold = 0;
  std::chrono::milliseconds period{std::chrono::minutes(1)};
  std::int64_t evaluation_periods = 3;
  std::string webhook_url;
  std::string secret;  ///< of the webhook; empty: that of `[events]`
};

struct Settings {
  gateway::Settings gateway;
  authorizer::Settings auth;
  bus::Settings bus;
  std::string data_dir = "./carillon-data";
  std::string store_url;  ///< always empty in this version
  std::string bus_url;    ///< always empty in this version
  base::log::Level log_level = base::log::Level::info;
  std::string internal_listen;  ///< empty: no internal port
  std::vector<AwsKey> aws_keys;
  EventSettings events;
  std::int64_t high_latency_ms = 1000;
  std::vector<AlarmSettings> alarms;
  std::string tracing_endpoint;
  double tracing_sample_ratio = 1;

  /// Whether `[auth]` says whose tokens count.
  bool has_auth() const;
};

/// A flag's value for a key: `{"--listen", "gateway.listen", "127.0.0.1:9000"}`.
struct FlagOverride {
  std::string flag;
  std::string key;
  std::string value;
};

/// Where a configuration comes from. Kept by the server, so that it can be read again.
struct SettingsSources {
  std::string file;                                ///< path; empty: no file
  std::map<std::string, std::string> environment;  ///< of the process, see process_environment()
  std::vector<FlagOverride> flags;
  bool dev = false;  ///< `serve --dev`
};

struct LoadedSettings {
  Settings settings;
  std::vector<std::string> warnings;  ///< one line each
};

/// Reads and checks everything. The error is one line that names the key, the value (never a secret) and
/// what is allowed. Not limited to the main thread; reads the file only.
std::expected<LoadedSettings, std::string> load_settings(const SettingsSources& sources);

/// The same with the file's text given; `name` stands for the file in errors, `sources.file` is ignored.
std::expected<LoadedSettings, std::string> load_settings_text(std::string_view toml, std::string_view name,
                                                              const SettingsSources& sources);

/// Why `serve` cannot run with settings that are otherwise valid, as one line: nobody's tokens are trusted,
/// or `--dev` would be reachable from elsewhere.
std::optional<std::string> refusal_to_serve(const Settings& settings);

/// The variables of this process that begin with `CARILLON_`.
std::map<std::string, std::string> process_environment();

/// What stands in printed configuration where a secret is; refused when it is loaded as a value.
inline constexpr std::string_view kRedacted = "**redacted**";

/// Every key with its value as a TOML file that loads again (once the secrets are put back). Secrets, also
/// those in URLs' user part and query, are replaced by kRedacted. Safe to print on a terminal.
std::string print_settings(const Settings& settings);
/// The same as one JSON object of sections.
std::string print_settings_json(const Settings& settings);

/// `host` and `port` of a listen address that passed the checks; `host` without brackets.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<ListenAddress> parse_listen(std::string_view text);
/// 127.0.0.0/8, ::1 and localhost.
bool is_loopback(std::string_view host);

}  // namespace carillon::server
