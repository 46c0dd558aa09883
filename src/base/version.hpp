#pragma once

namespace carillon::base {

/// The same as in CMakeLists.txt; a test compares them.
inline constexpr const char* kVersion = "0.1.0";

}  // namespace carillon::base
