#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/log_sampler.hpp"
#include "base/recorder.hpp"
#include "message_storage/storage_progress.hpp"
#include "ports/completion.hpp"
#include "ports/message_spans.hpp"
#include "ports/message_table.hpp"
#include "ports/queue_admin.hpp"

namespace carillon::message_storage {

inline constexpr std::string_view kQueue = "MessageStorageQueue";
inline constexpr std::string_view kDeadLetterQueue = "MessageStorageDLQ";

struct Settings {
  std::size_t max_inbox_bytes = 8u << 20;  ///< handed over and not yet stored; the rest is read from the log
  std::size_t batch_messages = 256;        ///< per write: more would hold up the publishers' commits
  std::size_t batch_bytes = 1u << 20;
  std::chrono::milliseconds linger{
      3};  ///< how long a small batch waits for more, unless somebody waits for it
  int max_attempts = 3;
  std::chrono::milliseconds retry_base{200};
  ports::Tracer* tracer = nullptr;  ///< of spans; must outlive the storage
};

struct Status {
  model::Position latest = 0;                   ///< newest position heard of
  model::Position settled = 0;                  ///< everything up to it is stored or dead-lettered
  std::optional<base::EpochMs> oldest_waiting;  ///< publish time of the oldest that is not settled, if known
  std::uint64_t depth() const { return latest - settled; }
};

/// What happened since the start. The storage thread writes, any thread reads.
struct Counts {
  base::Counter stored, dead_lettered;
  base::Counter retried;        ///< single messages that the table did not take
  base::Counter failed_writes;  ///< of whole batches, and failed reads of where to go on
};

/// The seeds' message-storage-handler: consumes MessageStorageQueue in batches into the message table. A
/// thread of its own. What is handed over and does not fit, or was published before the start, is read from
/// the log.
class MessageStorage {
 public:
  /// Hands a message that failed max_attempts times to the bus, which makes it durable in kDeadLetterQueue
  /// and marks its position settled, then completes; an error is retried. Called on the storage thread.
  using DeadLetterSink = std::function<void(ports::QueuedMessage letter, ports::Completion<void> done)>;

  MessageStorage(ports::MessageTable& table, ports::MessageLog& log, DeadLetterSink dead_letters,
                 Settings settings = {});
  MessageStorage(const MessageStorage&) = delete;
  MessageStorage& operator=(const MessageStorage&) = delete;
  ~MessageStorage();

  /// Starts the thread; goes on at the table's cursor and reads the log up to `latest`.
  void start(model::Position latest);
  /// Stores what is known of (as long as the table takes it), then ends the thread.
  void stop();

  /// Durable messages, in order of position and with none left out; redriven ones too. Any thread.
  void accept(std::vector<model::MessagePtr> messages);
  /// There are messages up to `latest` in the log that are not handed over (after a reopened store).
  void announce(model::Position latest);
  /// A write of somebody else failed: what the table took last may be gone once the store is reopened.
  /// Nothing counts as settled until the table was asked for its cursor again. Any thread.
  void start_over();

  /// Calls `done` once everything up to `position` is settled: at once, or on the storage thread. Errors:
  /// overloaded (too many wait), unavailable (stopped). The caller keeps the time. Any thread.
  void when_stored(model::Position position, ports::Completion<void> done);

  Status status() const;
  const Counts& counts() const { return counts_; }

  /// Logs how many lines of single messages were held back since the last call. One thread, whichever.
  void report_suppressed();
  /// How many that was since the start. Any thread.
  std::uint64_t lines_suppressed() const { return lines_.suppressed(); }

 private:
  /// What other threads touch; outlives this object in completions that come late.
  struct Shared;

  void run();
  bool resume();
  void note_burials();
  std::vector<model::MessagePtr> take_handed_over();
  bool take_from_log(model::Position end, std::vector<model::MessagePtr>& batch);
  bool write(std::vector<model::MessagePtr> batch);
  void record_spans(const std::vector<model::MessagePtr>& batch, std::int64_t from_ns,
                    const base::Result<std::vector<ports::StorageFailure>>& stored) const;
  void bury(StorageProgress::Failing failing);
  void publish_progress();
  /// Waits for work; false when it is time to end.
  bool wait_for_work();
  bool pause(std::chrono::milliseconds duration);

  ports::MessageTable& table_;
  ports::MessageLog& log_;
  DeadLetterSink dead_letters_;
  Settings settings_;
  ports::MessageSpans spans_;
  std::shared_ptr<Shared> shared_;
  Counts counts_;
  base::LogSampler lines_{20};  ///< per message: a disk that fails can fail many
  StorageProgress progress_;    ///< storage thread only, like all below
  model::Position written_cursor_ = 0;
  int failures_in_a_row_ = 0;
  std::thread thread_;
};

}  // namespace carillon::message_storage
