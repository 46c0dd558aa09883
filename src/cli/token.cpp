#include "cli/token.hpp"

#include "authorizer/dev_key.hpp"
#include "authorizer/token_minter.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"

namespace carillon::cli {
namespace {

/// The settings to sign under, or one line that says why there are none.
std::expected<authorizer::Settings, std::string> signing_settings(const server::SettingsSources& sources) {
  const auto loaded = server::load_settings(sources);
  if (!loaded) return std::unexpected(loaded.error());
  if (!sources.file.empty()) {
    if (!loaded->settings.auth.hs256_secret.empty()) return loaded->settings.auth;
    return std::unexpected("auth.hs256_secret is not set in " + base::printable(sources.file) +
                           ": tokens come from the issuer, there is nothing to sign them with here");
  }
  auto key = authorizer::load_or_create_dev_key(loaded->settings.data_dir);
  if (!key) return std::unexpected(base::printable(key.error().details()));
  return authorizer::dev_settings(std::move(*key));
}

}  // namespace

int token(const TokenOptions& options, Console& console) {
  const auto settings = signing_settings(options.sources);
  if (!settings) {
    console.err << "carillon token: " << settings.error() << '\n';
    return 1;
  }
  const base::EpochMs now = base::now_ms();
  const authorizer::TokenRequest request{
      .user = options.user,
      .scopes = options.scopes,
      .groups = options.groups,
      .claims = options.claims,
      .lifetime = std::chrono::duration_cast<std::chrono::seconds>(options.lifetime)};
  const auto minted = authorizer::mint_token(*settings, request, now);
  if (!minted) {
    console.err << "carillon token: " << base::printable(minted.error().details()) << '\n';
    return 1;
  }
  if (options.json)
    console.out << "{\"token\":" << base::json_string(*minted) << ",\"expiresAt\":\""
                << base::iso8601(now / 1000 * 1000 + request.lifetime.count() * 1000) << "\"}\n";
  else
    console.out << *minted << '\n';
  return 0;
}

}  // namespace carillon::cli
