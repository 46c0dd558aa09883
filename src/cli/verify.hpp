#pragma once

#include <string>

#include "cli/client.hpp"

namespace carillon::cli {

struct VerifyOptions {
  std::string data;
  bool json = false;
};

/// `carillon verify`: reads the whole store, beside a live server too, and lists what is wrong with it. 1
/// when something is, or when it could not be read.
int verify(const VerifyOptions& options, Console& console);

}  // namespace carillon::cli
