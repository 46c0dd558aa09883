#pragma once

#include <string>
#include <utility>
#include <vector>

/// What values flags take, apart from the library that reads them.
namespace carillon::cli {

/// `NAME=VALUE`; the value may be empty and hold further `=`.
bool is_pair(const std::string& text);
std::vector<std::pair<std::string, std::string>> pairs_of(const std::vector<std::string>& texts);

/// A duration of a second at least.
bool is_lifetime(const std::string& text);

/// `org:ID`, `hub:ID`, `project:ID` or `chat:ID`: what a permission entry can be for.
bool is_entry_target(const std::string& text);
/// The same, `user:ID` and `all`.
bool is_publish_target(const std::string& text);

/// RFC 3339, as `GET /messages` takes it.
bool is_time(const std::string& text);
/// `3,5-9`, as `GET /messages` takes it.
bool is_sequence_list(const std::string& text);
bool is_message_id(const std::string& text);

}  // namespace carillon::cli
