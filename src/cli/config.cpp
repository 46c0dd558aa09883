#include "cli/config.hpp"

#include "base/bytes.hpp"
#include "base/terminal.hpp"

namespace carillon::cli {
namespace {

std::string check_json(const std::string* mistake, const std::vector<std::string>& warnings) {
  std::string out =
      mistake == nullptr ? "{\"ok\":true" : "{\"ok\":false,\"error\":" + base::json_string(*mistake);
  out += ",\"warnings\":[";
  for (const std::string& warning : warnings) {
    if (out.back() != '[') out += ',';
    base::append_json_string(out, warning);
  }
  return base::printable_json(out + "]}");
}

}  // namespace

int config(const ConfigOptions& options, Console& console) {
  const auto loaded = server::load_settings(options.sources);
  const std::vector<std::string> warnings = loaded ? loaded->warnings : std::vector<std::string>();
  std::optional<std::string> mistake;
  if (!loaded)
    mistake = loaded.error();
  else if (options.action == ConfigOptions::Action::check)
    mistake = server::refusal_to_serve(loaded->settings);

  if (options.action == ConfigOptions::Action::check && options.json) {
    console.out << check_json(mistake ? &*mistake : nullptr, warnings) << '\n';
    return mistake ? 1 : 0;
  }
  for (const std::string& warning : warnings) console.err << "warning: " << warning << '\n';
  if (mistake) {
    console.err << "carillon config: " << *mistake << '\n';
    return 1;
  }
  if (options.action == ConfigOptions::Action::check)
    console.out << "The configuration is good.\n";
  else if (options.json)
    console.out << server::print_settings_json(loaded->settings) << '\n';
  else
    console.out << server::print_settings(loaded->settings);
  return 0;
}

}  // namespace carillon::cli
