#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "authorizer/settings.hpp"

namespace carillon::comments_api {

/// The service's environment, checked. Nothing of it changes while it runs.
struct Settings {
  std::string listen =
      "127.0.0.1:8000";  ///< APP_LISTEN: this machine only, as anybody may sign in as anybody
  std::filesystem::path data = "comments-data";  ///< APP_DATA
  /// APP_SERVERLESS_WEBSOCKET_ENDPOINT without a slash at its end: where `/broadcast` is.
  std::string endpoint = "http://localhost:3001";
  std::vector<std::string> allowed_origins{"http://localhost:3000"};  ///< APP_ALLOWED_ORIGINS
  /// APP_TOKEN_SECRET, APP_TOKEN_ISSUER, APP_TOKEN_AUDIENCE: Carillon's `[auth]` (HS256).
  authorizer::Settings tokens;
  std::string events_key;  ///< of APP_EVENTS_SECRET; empty: connection events are refused
};

/// The value of an environment variable, or nothing.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// Errors: one line for the operator that names the variable and never a secret. Pure.
/// Source: seed comments-realtime, Environment Configuration.
std::expected<Settings, std::string> read_settings(const Environment& environment);

}  // namespace carillon::comments_api
