#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace carillon::pages {

/// The content of a gzip stream of our own making; nothing when it is none, or over 16 MiB. Any thread.
std::optional<std::string> inflate(std::string_view gzip);

}  // namespace carillon::pages
