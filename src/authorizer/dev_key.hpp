#pragma once

#include <filesystem>
#include <string>

#include "authorizer/settings.hpp"
#include "model/errors.hpp"

namespace carillon::authorizer {

inline constexpr const char* kDevKeyFile = "dev-key";
inline constexpr const char* kDevIssuer = "carillon-dev";
inline constexpr const char* kDevAudience = "carillon";

/// The key that `serve --dev` trusts and `carillon token` signs with: the content of `dev-key` in the data
/// directory, made at the first call (file 0600, directory 0700). Processes that call it at the same moment
/// get the same key. Errors: internal, `details` naming the file and the way out: it can be read by others,
/// is not ours, is no regular file, or holds no key.
model::Result<std::string> load_or_create_dev_key(const std::filesystem::path& directory);

/// Settings under which tokens signed with that key count, and no others.
Settings dev_settings(std::string dev_key);

}  // namespace carillon::authorizer
