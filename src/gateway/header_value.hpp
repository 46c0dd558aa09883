#pragma once

#include <string_view>
#include <vector>

/// Small readings of HTTP field values (RFC 9110 §5.6). Pure; views into the argument.
namespace carillon::gateway {

/// Without the spaces and tabs around it.
std::string_view trimmed(std::string_view text);
/// The trimmed, non-empty parts between separators. Quoted strings are not looked into.
std::vector<std::string_view> split(std::string_view text, char separator);
/// ASCII letters of either case are the same.
bool iequals(std::string_view a, std::string_view b);
/// Whether a comma-separated list holds `token`, in whatever case.
bool list_has(std::string_view list, std::string_view token);
/// RFC 9110 §5.6.2: at least one character, each a tchar.
bool is_token(std::string_view text);

}  // namespace carillon::gateway
