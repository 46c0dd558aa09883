#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/settings.hpp"

/// Any text is either refused with one line or read; and what was read can be printed and checked.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon::server;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = load_settings_text(text, "fuzz.toml", {});
  if (!loaded) {
    if (loaded.error().empty() || loaded.error().find('\n') != std::string::npos) std::abort();
    return 0;
  }
  const std::string printed = print_settings(loaded->settings);
  const auto again = load_settings_text(printed, "printed.toml", {});
  // Only a redacted value may keep a printed configuration from loading.
  if (!again && printed.find(kRedacted) == std::string::npos) std::abort();
  if (again && print_settings(again->settings) != printed) std::abort();
  print_settings_json(loaded->settings);
  refusal_to_serve(loaded->settings);
  return 0;
}
