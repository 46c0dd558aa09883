#include "server/settings.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <unistd.h>

#include "base/bytes.hpp"
#include "server/settings_document.hpp"
#include "server/settings_loader.hpp"
#include "server/settings_rules.hpp"

namespace carillon::server {
namespace {

std::expected<std::string, std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxTomlBytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad() || (file.fail() && !file.eof()))
    return std::unexpected(shortened(base::printable(path)) +
                           ": cannot be read: " + std::strerror(errno != 0 ? errno : EIO));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

/// What one room's section says and another room uses too.
void share(Settings& settings) {
  settings.gateway.max_attempts = settings.bus.max_attempts;
  settings.gateway.retry_base = settings.bus.retry_base;
  settings.bus.max_subscriptions_per_connection = settings.gateway.max_subscriptions_per_connection;
  settings.bus.max_connections_per_user = settings.gateway.max_connections_per_user;
}

std::expected<LoadedSettings, std::string> load(const TomlNode* document, std::string_view name,
                                                const SettingsSources& sources) {
  LoadedSettings loaded;
  SettingsLoader loader(loaded.settings);
  loaded.settings.gateway.dev = sources.dev;
  if (document != nullptr)
    if (auto mistake = loader.apply_file(*document, name)) return std::unexpected(*mistake);
  if (auto mistake = loader.apply_environment(sources.environment)) return std::unexpected(*mistake);
  for (const FlagOverride& flag : sources.flags)
    if (auto mistake = loader.apply_flag(flag)) return std::unexpected(*mistake);
  if (auto mistake = loader.check()) return std::unexpected(*mistake);
  share(loaded.settings);
  loaded.warnings = loader.take_warnings();
  return loaded;
}

}  // namespace

bool Settings::has_auth() const {
  return !auth.issuer.empty() || !auth.audience.empty() || !auth.jwks_url.empty() ||
         !auth.jwks_file.empty() || !auth.hs256_secret.empty();
}

std::expected<LoadedSettings, std::string> load_settings(const SettingsSources& sources) {
  if (sources.file.empty()) return load(nullptr, {}, sources);
  const auto text = read_file(sources.file);
  if (!text) return std::unexpected(text.error());
  return load_settings_text(*text, sources.file, sources);
}

std::expected<LoadedSettings, std::string> load_settings_text(std::string_view toml, std::string_view name,
                                                              const SettingsSources& sources) {
  const auto document = parse_toml(toml);
  if (document) return load(&*document, name, sources);
  const TomlError& error = document.error();
  return std::unexpected(shortened(base::printable(name)) +
                         (error.line > 0 ? ':' + std::to_string(error.line) : "") +
                         ": not a TOML file: " + shortened(base::printable(error.what)));
}

std::optional<std::string> refusal_to_serve(const Settings& settings) {
  if (!settings.gateway.dev && !settings.has_auth())
    return "[auth] is missing: set auth.issuer and auth.audience to whose tokens count, or run `carillon "
           "serve --dev` to try it out on this machine";
  if (!settings.gateway.dev) return std::nullopt;
  for (const auto& [key, listen] :
       {std::pair<std::string_view, const std::string&>("gateway.listen", settings.gateway.listen),
        {"internal.listen", settings.internal_listen}}) {
    const auto address = parse_listen(listen);
    if (address && !is_loopback(address->host))
      return std::string(key) + " = " + toml_string(listen) +
             ": must be loopback (127.0.0.1, [::1] or localhost) with --dev: its key is for this machine "
             "only";
  }
  return std::nullopt;
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> found;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (text.starts_with("CARILLON_") && equals != std::string_view::npos)
      found.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

}  // namespace carillon::server
