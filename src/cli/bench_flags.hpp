#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench/bench.hpp"

namespace carillon::cli {

/// A flag of `carillon bench`, apart from the library that reads it.
struct BenchFlag {
  const char* name;
  const char* type;
  const char* description;
  std::string allowed;  ///< what `set` takes, to stand after "must be"
  /// Reads one value into the options; false when it is none.
  std::function<bool(std::string_view)> set;
  bool repeatable = false;
};

/// All but `--json`. They write to `options`, which must outlive them.
std::vector<BenchFlag> bench_flags(bench::Options& options);

}  // namespace carillon::cli
