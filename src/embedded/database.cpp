#include "embedded/database.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <mutex>

#include <fmt/format.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>

#include "embedded/rocksdb_options.hpp"
#include "model/errors.hpp"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// Debian's RocksDB and spdlog are not instrumented: their own synchronisation is invisible to
// ThreadSanitizer. RocksDB's frames are missing from stacks, too: below Store::write all is RocksDB, whose
// group leader reads the batches of the other writers. Its threads also share sets of texts made on first
// use (this server's share none), and hand over what they restored through futures.
extern "C" const char* __tsan_default_suppressions() {
  return "race:rocksdb::\nrace:spdlog::\nrace:carillon::embedded::Store::write\n"
         "race:std::_Hashtable<*std::__detail::_Identity\n"
         "race:std::__future_base::_State_baseV2::~_State_baseV2\n";
}
#endif
#endif

namespace carillon::embedded {

using base::Error;
using base::Result;
using model::fail;
namespace errors = model::errors;

/// Passes RocksDB's log on to its file and remembers which file the last dropped records were in, as the
/// status of a failed recovery does not name it.
class TableLog : public rocksdb::Logger {
 public:
  explicit TableLog(std::shared_ptr<rocksdb::Logger> file)
      : Logger(file->GetInfoLogLevel()), file_(std::move(file)) {}
  using Logger::Logv;
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level >= rocksdb::InfoLogLevel::WARN_LEVEL) {
      va_list copy;
      va_copy(copy, arguments);
      char line[512];
      std::vsnprintf(line, sizeof line, format, copy);
      va_end(copy);
      note(line);
    }
    file_->Logv(level, format, arguments);
  }
  std::string damaged_file() const {
    const std::lock_guard lock(mutex_);
    return damaged_file_;
  }

 private:
  void note(std::string_view line) {
    const std::size_t end = line.find(": dropping ");
    if (end == std::string_view::npos) return;
    const std::size_t start = line.rfind(' ', end);
    const std::lock_guard lock(mutex_);
    damaged_file_ = line.substr(start == std::string_view::npos ? 0 : start + 1, end - start - 1);
  }

  std::shared_ptr<rocksdb::Logger> file_;
  mutable std::mutex mutex_;
  std::string damaged_file_;
};

std::string corruption_text(const std::filesystem::path& store, std::string_view file,
                            std::string_view what) {
  const std::string subject =
      file.empty() ? fmt::format("the store in {}", store.string()) : fmt::format("the file {}", file);
  return fmt::format(
      "{} is damaged ({}). Nothing was repaired or removed. Stop the server, keep a copy of the data "
      "directory, and "
      "restore "
      "a backup into an empty one (carillon restore). Without a backup, moving {} away starts an empty "
      "store.",
      subject, what, store.string());
}

namespace {

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" ,;"), text.size());
    if (end > 0) found.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

/// The first word of RocksDB's message that names a file of the store.
std::string named_file(const std::filesystem::path& directory, std::string_view message) {
  for (std::string_view word : words(message)) {
    while (word.ends_with(':') || word.ends_with('.')) word.remove_suffix(1);
    std::string name = std::filesystem::path(word).filename().string();
    // What LevelDB called table files, and where RocksDB looks last.
    if (name.ends_with(".ldb")) name.replace(name.size() - 4, 4, ".sst");
    if (name.ends_with(".sst") || name.ends_with(".log") || name.starts_with("MANIFEST") || name == "CURRENT")
      return (directory / name).string();
  }
  return {};
}

}  // namespace

Error Database::error(const rocksdb::Status& status) const {
  const std::string what = status.ToString();
  const bool damaged = status.IsCorruption() || status.IsNotFound() || status.IsInvalidArgument() ||
                       (status.IsIOError() && status.subcode() == rocksdb::Status::kPathNotFound);
  if (!damaged)
    return Error(errors::kUnavailable, fmt::format("the store in {} failed: {}", directory_.string(), what));
  std::string file = named_file(directory_, what);
  if (file.empty() && log_) file = log_->damaged_file();
  if (file.empty() && what.find("CURRENT") != std::string::npos) file = (directory_ / "CURRENT").string();
  return Error(kStoreCorrupt, corruption_text(directory_, file, what));
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& directory,
                                                 const StoreOptions& options,
                                                 std::shared_ptr<RetentionInForce> retention,
                                                 Opening opening) {
  std::unique_ptr<Database> database(new Database(directory));
  rocksdb::DBOptions db_options = database_options(options);
  db_options.create_if_missing = opening == Opening::create;
  db_options.create_missing_column_families = opening != Opening::existing;
  std::shared_ptr<rocksdb::Logger> file_log;
  rocksdb::Status status = rocksdb::CreateLoggerFromOptions(directory.string(), db_options, &file_log);
  if (!status.ok()) return std::unexpected(database->error(status));
  database->log_ = std::make_shared<TableLog>(std::move(file_log));
  db_options.info_log = database->log_;
  db_options.listeners.push_back(database->stalls_);

  const auto families = column_families(options, std::move(retention));
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  status = rocksdb::DB::Open(db_options, directory.string(), families, &handles, &db);
  if (!status.ok()) return std::unexpected(database->error(status));
  database->db_ = db;
  std::ranges::copy(handles, database->handles_.begin());
  database->options_ = rocksdb::Options(db_options, families[keys::kMessages].options);
  for (std::uint32_t i = 0; i < handles.size(); ++i)
    if (handles[i]->GetID() != i)
      return fail(kStoreCorrupt, corruption_text(directory, {},
                                                 fmt::format("column family {} has number {} instead of {}",
                                                             handles[i]->GetName(), handles[i]->GetID(), i)));
  return database;
}

Database::~Database() {
  if (!db_) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_)
    if (handle) db_->DestroyColumnFamilyHandle(handle);
  db_->Close();
  delete db_;
}

rocksdb::Status Database::get(keys::ColumnFamily family, std::string_view key,
                              rocksdb::PinnableSlice& value) const {
  return db_->Get(rocksdb::ReadOptions(), handle(family), slice(key), &value);
}

std::unique_ptr<rocksdb::Iterator> Database::iterate(keys::ColumnFamily family, const rocksdb::Slice* lower,
                                                     const rocksdb::Slice* upper) const {
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = lower;
  options.iterate_upper_bound = upper;
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, handle(family)));
}

Result<void> Database::verify_files(std::uint64_t history_bytes) const {
  Result<void> first;
  check_files(history_bytes, [&](const Result<void>& outcome, std::uint64_t) {
    first = outcome;
    return first.has_value();
  });
  return first;
}

void Database::check_files(std::uint64_t history_bytes,
                           const std::function<bool(const Result<void>&, std::uint64_t)>& each) const {
  // A compaction meanwhile may replace files, but leaves them where they are until this is over.
  if (const rocksdb::Status held = db_->DisableFileDeletions(); !held.ok()) {
    each(std::unexpected(error(held)), 0);
    return;
  }
  const std::unique_ptr<rocksdb::DB, void (*)(rocksdb::DB*)> release(
      db_, [](rocksdb::DB* db) { db->EnableFileDeletions(/*force=*/false); });
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  const auto is_history = [](const rocksdb::LiveFileMetaData& file) {
    return file.column_family_name == keys::kColumnFamilyNames[keys::kMessages] ||
           file.column_family_name == keys::kColumnFamilyNames[keys::kSequenceIndex] ||
           file.column_family_name == keys::kColumnFamilyNames[keys::kMessageIds] ||
           file.column_family_name == keys::kColumnFamilyNames[keys::kDeliveries] ||
           file.column_family_name == keys::kColumnFamilyNames[keys::kSeries];
  };
  std::ranges::sort(files, [&](const auto& a, const auto& b) {
    return std::pair(is_history(a), b.largest_seqno) < std::pair(is_history(b), a.largest_seqno);
  });
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (is_history(file)) {
      if (file.size > history_bytes) break;
      history_bytes -= file.size;
    }
    const std::string path = (directory_ / std::filesystem::path(file.name).relative_path()).string();
    const rocksdb::Status status = rocksdb::VerifySstFileChecksum(options_, rocksdb::EnvOptions(options_),
                                                                  read, path, file.largest_seqno);
    Result<void> outcome;
    if (!status.ok())
      outcome = fail(status.IsCorruption() ? kStoreCorrupt : errors::kUnavailable,
                     corruption_text(directory_, path, status.ToString()));
    if (!each(outcome, file.size)) return;
  }
}

}  // namespace carillon::embedded
