#pragma once

#include <span>
#include <string_view>

namespace carillon::dashboard {

/// A file of the dashboard's page, as it lies in the program.
struct PageFile {
  std::string_view name;  ///< below `/dashboard/`: `index.html`, `assets/…`
  std::string_view content_type;
  std::string_view digest;  ///< of the content, in hex
  std::string_view gzip;    ///< the content, compressed
};

/// All of them. The unit is made by web/dashboard/embed.mjs during the build. Any thread.
std::span<const PageFile> page_files();

}  // namespace carillon::dashboard
