#pragma once

#include <string>
#include <string_view>

namespace carillon::base {

/// JSON text (or one TOML string) that a terminal can show on one line: still the same value, with control
/// and bidirectional characters inside strings written as `\uXXXX`, and line breaks between tokens as
/// spaces. `json` must be valid UTF-8 and valid JSON.
std::string printable_json(std::string_view json);

}  // namespace carillon::base
