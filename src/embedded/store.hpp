#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "embedded/commit_batch.hpp"
#include "embedded/store_answers.hpp"
#include "embedded/store_options.hpp"
#include "ports/series_table.hpp"

namespace carillon::embedded {

class Database;

/// The embedded store: one RocksDB database in one directory, used by one process (DESIGN, The embedded
/// store; layout in docs/storage-format.md). Reads: any thread, whole when they return. Writes: synced ones
/// by the CommitWriter, history by the storage thread, series by any. After a failed write nothing is written
/// until reopen(). Read errors: unavailable (failed, or being reopened), store_corrupt.
class Store {
 public:
  /// Opens the store in `directory`, making both when there is none. Errors, all with a text for the operator
  /// in `details`: store_in_use, store_too_new, store_corrupt (names the file and the way out), unavailable.
  static base::Result<std::unique_ptr<Store>> open(std::filesystem::path directory, StoreOptions options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  /// A random name made with the store: clients see by it that a store was replaced.
  const std::string& epoch() const { return epoch_; }
  /// What page tokens are sealed with: random, made with the store, never shown.
  const std::string& token_secret() const { return token_secret_; }
  const std::filesystem::path& directory() const { return directory_; }
  /// Rises with every reopen. Batches built in one generation are refused in the next.
  std::uint64_t generation() const { return generation_.load(); }
  /// A write failed and the store was not reopened since.
  bool failed() const { return failed_.load(); }
  void set_retention(Retention retention);

  // The event log.
  base::Result<LogEnd> log_end() const;
  base::Result<model::MessagePtr> log_message(model::Position position) const;  ///< null: not there
  /// Records from `from` on, oldest first; at most `limit`, ending early once `max_bytes` are read.
  base::Result<std::vector<model::MessagePtr>> read_log(model::Position from, std::size_t limit,
                                                        std::size_t max_bytes) const;
  /// Gives back whole files of trimmed records. Slow; storage thread or a timer's, not the bus loop.
  void reclaim_log(model::Position before);

  // Queues.
  base::Result<model::Position> cursor(std::string_view queue) const;  ///< 0: none
  base::Result<std::vector<QueueCursor>> cursors() const;
  base::Result<std::vector<model::Position>> settled(std::string_view queue) const;  ///< ascending
  /// Oldest first, after the message at position `after`.
  base::Result<std::vector<ports::QueuedMessage>> dead_letters(std::string_view queue, model::Position after,
                                                               std::size_t limit) const;
  base::Result<std::optional<ports::QueuedMessage>> dead_letter(std::string_view queue,
                                                                const model::MessageId& id) const;
  base::Result<std::uint64_t> dead_letter_count(std::string_view queue) const;

  // Publishing.
  base::Result<model::SequenceNumber> sequence(std::string_view chat_id) const;  ///< 0: none was given out
  /// The receipt of the first publication, `deduplicated` set; nothing when there is none or it has expired.
  base::Result<std::optional<ports::Receipt>> deduplication(std::string_view key, base::EpochMs now) const;

  // Permissions.
  base::Result<std::optional<ports::Permission>> permission(const model::UserId& user,
                                                            const model::Target& target) const;
  /// In byte order of the target's id, then by class; behind `after`.
  base::Result<std::vector<ports::Permission>> permissions_of_user(const model::UserId& user,
                                                                   const std::optional<model::Target>& after,
                                                                   std::size_t limit) const;
  /// In byte order of the user's id, behind that of `after`.
  base::Result<std::vector<ports::Permission>> permissions_of_target(
      const model::Target& target, const std::optional<model::UserId>& after, std::size_t limit) const;
  base::Result<std::uint64_t> owners(const model::Target& target) const;  ///< how many entries say owner

  // History: what retention has ended is not there.
  base::Result<ports::HistoryPage> history(const ports::HistoryQuery& query) const;
  base::Result<model::MessagePtr> message(const model::MessageId& id) const;  ///< null: not there
  /// Expired ones too, as long as the disk has them.
  base::Result<StoredMessage> find_message(const model::MessageId& id) const;
  /// Everything that was issued in the chat up to `issued_before` must be stored or a dead letter by now.
  /// Errors: invalid_parameter (more than kMaxSequenceNumbers).
  base::Result<ports::SequencePage> sequences(std::string_view chat_id,
                                              std::span<const ports::NumberRange> numbers,
                                              model::SequenceNumber issued_before,
                                              SequenceLimits limits = {}) const;

  // What became of messages.
  base::Result<std::uint64_t> last_delivery_flush() const;  ///< 0: there was none
  /// Of the message at `position` and of its copies from dead letter queues, as those flushes tell.
  base::Result<DeliveryTotals> delivery_result(model::Position position, const model::MessageId& id,
                                               FlushRange flushes = {}) const;

  // Series of metrics, as ports::SeriesTable says; any thread. A write that had to wait is unavailable.
  base::Result<void> write_series(const std::vector<ports::SeriesCell>& cells);
  base::Result<void> read_series(std::string_view metric, ports::Resolution resolution, base::EpochMs from,
                                 base::EpochMs to, const ports::SeriesTable::Visitor& visit) const;
  base::Result<void> forget_series(ports::Resolution resolution, base::EpochMs before);

  /// Writes and waits until it is on disk. Writer thread. `generation` is the one the batch was built in.
  /// Errors: unavailable; the outcome is unknown and the store takes no write until reopen().
  base::Result<void> write_synced(CommitBatch& batch, std::uint64_t generation);
  /// Writes without waiting for the disk: survives a crash of the process, a power cut only with the next
  /// synced write. For what can be made again from the log. Errors: as above.
  base::Result<void> write_unsynced(CommitBatch& batch, std::uint64_t generation);
  /// Closes and opens the database: what it then holds is on disk. Writer thread; waits for readers, and
  /// stops long ones.
  base::Result<void> reopen();
  /// Called on the thread whose write failed. Set before the first write.
  void set_failure_sink(std::function<void()> sink) { failure_sink_ = std::move(sink); }

  /// StoreUpkeep::check, whose first finding is the error. Slow. Errors: store_corrupt, unavailable.
  base::Result<void> verify() const;
  /// Drops at once what has expired, instead of in time. Slow. Errors: unavailable.
  base::Result<void> compact();
  /// Asks RocksDB for what it has at hand. Any thread; may wait for a write that waits for the disk.
  StoreFigures figures() const;
  /// Walks over the files, so not for every second. Any thread; may wait for the disk.
  StoreSizes sizes() const;

 private:
  Store(std::filesystem::path directory, StoreOptions options);
  base::Result<std::unique_ptr<Database>> open_database(std::uint64_t verify_history_bytes) const;
  enum class Waiting { for_disk, for_room, for_nothing };
  base::Result<void> write(CommitBatch& batch, std::uint64_t generation, Waiting waiting);
  class Reading;
  friend class StoreUpkeep;

  std::filesystem::path directory_;
  StoreOptions options_;
  std::shared_ptr<RetentionInForce> retention_;
  std::unique_ptr<class DirectoryLock> lock_;
  std::string epoch_;
  std::string token_secret_;
  mutable std::shared_mutex mutex_;  ///< exclusive only while the database is replaced
  std::stop_source long_reads_;      ///< of what would keep reopen() waiting for minutes
  std::unique_ptr<Database> database_;
  std::atomic<std::uint64_t> generation_{1};
  std::atomic<bool> failed_{false};
  std::atomic<std::chrono::microseconds> stalled_before_{};  ///< in databases that were closed since
  std::function<void()> failure_sink_;
};

}  // namespace carillon::embedded
