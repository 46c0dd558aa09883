#pragma once

#include <mutex>
#include <string>

#include "cli/client.hpp"
#include "embedded/backup.hpp"

namespace carillon::cli {

/// One line on stderr that says how far something slow is, when stderr is a terminal; gone when it is over.
class UpkeepProgressLine {
 public:
  explicit UpkeepProgressLine(Console& console);
  ~UpkeepProgressLine();
  UpkeepProgressLine(const UpkeepProgressLine&) = delete;
  UpkeepProgressLine& operator=(const UpkeepProgressLine&) = delete;

  /// Any thread may call what it gives. The phase `records` counts records, every other one bytes.
  embedded::UpkeepProgress sink();

 private:
  Console& console_;
  const bool shown_;
  std::mutex mutex_;
};

/// `3.4 MiB`.
std::string shown_bytes(std::uint64_t bytes);

}  // namespace carillon::cli
