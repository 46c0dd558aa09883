#include "cli/restore.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/upkeep_progress.hpp"
#include "embedded/backup.hpp"

namespace carillon::cli {

int restore(const RestoreOptions& options, Console& console) {
  const auto restored = embedded::restore_backup(options.in, options.data, options.backup);
  if (!restored) {
    console.err << "carillon restore: " << base::printable(restored.error().details()) << '\n';
    return 1;
  }
  if (options.json)
    console.out << fmt::format("{{\"backup\":{},\"data\":{},\"bytes\":{},\"files\":{}}}\n", restored->id,
                               base::json_string(options.data), restored->bytes, restored->files);
  else
    console.out << fmt::format(
        "Backup {} is in {}: {} files, {}. Clients will see a new store and read again what they need.\n",
        restored->id, base::printable(options.data), restored->files, shown_bytes(restored->bytes));
  return 0;
}

}  // namespace carillon::cli
