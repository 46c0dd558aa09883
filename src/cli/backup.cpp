#include "cli/backup.hpp"

#include <filesystem>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/upkeep_progress.hpp"
#include "embedded/upkeep.hpp"

namespace carillon::cli {
namespace {

namespace fs = std::filesystem;

base::Result<boost::json::value> make_backup(const BackupOptions& options, const fs::path& out,
                                             Console& console) {
  UpkeepProgressLine line(console);
  const embedded::UpkeepProgress progress = line.sink();
  const embedded::UpkeepRequest request{embedded::UpkeepRequest::Command::backup, out};
  const auto answer = embedded::run_upkeep(options.data, request, progress);
  if (!answer) return std::unexpected(answer.error());
  boost::json::value report = boost::json::parse(*answer);
  progress("verifying", report.at("bytes").to_number<std::uint64_t>());
  const auto id = report.at("backup").to_number<std::uint32_t>();
  if (const auto sound = embedded::verify_backup(out, id); !sound) return std::unexpected(sound.error());
  if (options.keep != 0)
    if (const auto pruned = embedded::prune_backups(out, options.keep); !pruned)
      return std::unexpected(pruned.error());
  return report;
}

}  // namespace

int backup(const BackupOptions& options, Console& console) {
  const fs::path out = fs::absolute(options.out).lexically_normal();
  const auto report = make_backup(options, out, console);
  if (!report) {
    console.err << "carillon backup: " << base::printable(report.error().details()) << '\n';
    return 1;
  }
  if (options.json)
    console.out << boost::json::serialize(*report) << '\n';
  else
    console.out << fmt::format("Backup {} of {} is in {}: {} files, {}\n", shown_member(*report, "backup"),
                               base::printable(options.data), base::printable(out.string()),
                               shown_member(*report, "files"),
                               shown_bytes(report->at("bytes").to_number<std::uint64_t>()));
  return 0;
}

}  // namespace carillon::cli
