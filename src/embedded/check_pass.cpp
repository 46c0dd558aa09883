#include "embedded/check_pass.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"

namespace carillon::embedded {
namespace {

constexpr std::uint64_t kRecordsPerReport = 20'000;

}  // namespace

CheckPass::CheckPass(const Database& database, std::function<base::EpochMs()> clock,
                     const UpkeepProgress& progress, std::stop_token stop)
    : database_(database),
      clock_(std::move(clock)),
      progress_(progress),
      stop_(std::move(stop)),
      snapshot_(&database.db()) {
  read_.snapshot = snapshot_.snapshot();
  read_.fill_cache = false;
}

void CheckPass::found(keys::ColumnFamily family, std::string_view what) {
  if (report_.findings_total++ < CheckReport::kMostListed)
    report_.findings.push_back(fmt::format("{}: {}", keys::kColumnFamilyNames[family], what));
}

void CheckPass::walk(keys::ColumnFamily family,
                     const std::function<void(std::string_view, std::string_view)>& each) {
  const std::unique_ptr<rocksdb::Iterator> at(database_.db().NewIterator(read_, database_.handle(family)));
  for (at->SeekToFirst(); at->Valid() && !stop_.stop_requested(); at->Next()) {
    if (++report_.records % kRecordsPerReport == 0) progress_("records", report_.records);
    each(view(at->key()), view(at->value()));
  }
  if (!at->status().ok()) found(family, "cannot be read on: " + at->status().ToString());
}

std::optional<std::string> CheckPass::get(keys::ColumnFamily family, std::string_view key) {
  std::string value;
  const rocksdb::Status status = database_.db().Get(read_, database_.handle(family), slice(key), &value);
  if (status.ok()) return value;
  if (!status.IsNotFound()) found(family, "cannot be read: " + status.ToString());
  return std::nullopt;
}

std::string target_text(const model::Target& target) {
  return base::printable(target.str());
}

}  // namespace carillon::embedded
