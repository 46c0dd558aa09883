#pragma once

#include <cstddef>
#include <string>

#include "model/errors.hpp"

namespace carillon::authorizer {

/// The whole content of a regular file of at most `max_bytes`. Errors: unavailable, with the reason but not
/// the path.
model::Result<std::string> read_bounded_file(const std::string& path, std::size_t max_bytes);

}  // namespace carillon::authorizer
