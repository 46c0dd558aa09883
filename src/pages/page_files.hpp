#pragma once

#include <span>
#include <string_view>

namespace carillon::pages {

/// A file of a page, as it lies in the program.
struct PageFile {
  std::string_view name;  ///< below the page's path: `index.html`, `assets/…`
  std::string_view content_type;
  std::string_view digest;  ///< of the content, in hex
  std::string_view gzip;    ///< the content, compressed
};

/// The page `NotificationService-Latency` (web/dashboard). Its unit is made by web/embed.mjs during the
/// build, as are the others'. Any thread.
std::span<const PageFile> dashboard_files();
/// The page on which two people talk (examples/chat). Any thread.
std::span<const PageFile> chat_files();

}  // namespace carillon::pages
