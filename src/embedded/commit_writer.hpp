#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "embedded/store.hpp"

namespace carillon::embedded {

/// The one thread that makes commit batches durable, and that brings the store back after a failed write.
class CommitWriter {
 public:
  /// Gets the batch back, emptied, so that its memory can be used again. Runs on the writer thread; it must
  /// not block. Error: unavailable (outcome unknown, or refused because the store is not usable now).
  using Done = std::move_only_function<void(base::Result<void>, CommitBatch)>;

  /// Both run on the writer thread.
  struct Listener {
    /// A write failed; everything is answered `unavailable` until `reopened`.
    std::function<void()> failed;
    /// The store takes writes again; counters must be read again before the next batch is built, which
    /// belongs to `generation`.
    std::function<void(std::uint64_t generation)> reopened;
  };

  struct Figures {
    std::uint64_t commits = 0;
    std::uint64_t changes = 0;  ///< single changes in them
    std::uint64_t bytes = 0;
    std::uint64_t sync_us_total = 0, sync_us_max = 0;  ///< write and sync together
    std::uint64_t failures = 0, reopened = 0;
  };

  CommitWriter(Store& store, Listener listener);
  CommitWriter(const CommitWriter&) = delete;
  CommitWriter& operator=(const CommitWriter&) = delete;
  /// Commits what was submitted, then ends the thread.
  ~CommitWriter();

  /// Commits `batch`, built in `generation` (Store::generation, or what `reopened` said); batches are
  /// committed in the order submitted. Any thread. The caller bounds how many are under way: one at a time is
  /// what group commit wants, as the next batch gathers meanwhile.
  void submit(CommitBatch batch, std::uint64_t generation, Done done);

  Figures figures() const;

 private:
  struct Job {
    CommitBatch batch;
    std::uint64_t generation;
    Done done;
  };
  void run();
  void commit(Job job);
  void refuse_all(std::unique_lock<std::mutex>& lock);
  void recover(std::unique_lock<std::mutex>& lock);

  Store& store_;
  Listener listener_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  bool store_failed_ = false;
  Figures figures_;
  std::thread thread_;
};

}  // namespace carillon::embedded
