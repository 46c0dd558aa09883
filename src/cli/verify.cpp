#include "cli/verify.hpp"

#include <boost/json.hpp>

#include "base/bytes.hpp"
#include "base/terminal.hpp"
#include "cli/upkeep_progress.hpp"
#include "embedded/upkeep.hpp"

namespace carillon::cli {
namespace {

base::Result<std::string> check(const VerifyOptions& options, Console& console) {
  UpkeepProgressLine line(console);
  return embedded::run_upkeep(options.data, {embedded::UpkeepRequest::Command::verify, {}}, line.sink());
}

void show(const VerifyOptions& options, const boost::json::value& report, Console& console) {
  if (report.at("ok").as_bool()) {
    console.out << "The store in " << base::printable(options.data)
                << " is sound: " << shown_member(report, "records") << " records\n";
    return;
  }
  const boost::json::array& findings = entries_of(report, "findings");
  for (const auto& each : findings)
    console.out << base::printable(std::string_view(each.as_string())) << '\n';
  const auto total = report.at("findingsTotal").to_number<std::uint64_t>();
  if (total > findings.size()) console.out << "and " << total - findings.size() << " more\n";
  console.err
      << "carillon verify: " << total << " findings in the store in " << base::printable(options.data)
      << ": keep a copy of the directory, and restore a backup into an empty one (carillon restore)\n";
}

}  // namespace

int verify(const VerifyOptions& options, Console& console) {
  const auto answer = check(options, console);
  if (!answer) {
    console.err << "carillon verify: " << base::printable(answer.error().details()) << '\n';
    return 1;
  }
  const boost::json::value report = boost::json::parse(*answer);
  if (options.json)
    console.out << base::printable_json(*answer) << '\n';
  else
    show(options, report, console);
  return report.at("ok").as_bool() ? 0 : 1;
}

}  // namespace carillon::cli
