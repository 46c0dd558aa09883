#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/recorder.hpp"
#include "embedded/store.hpp"
#include "ports/metric_set.hpp"

namespace carillon::embedded {

/// What the commit writer did. It writes, any thread reads.
struct CommitFigures {
  base::Counter commits, bytes, failures, reopened;
  base::Recorder changes;   ///< single changes per batch
  base::Recorder duration;  ///< of write and sync together

  void collect(ports::MetricSet& into) const;
};

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

  CommitWriter(Store& store, Listener listener);
  CommitWriter(const CommitWriter&) = delete;
  CommitWriter& operator=(const CommitWriter&) = delete;
  /// Commits what was submitted, then ends the thread.
  ~CommitWriter();

  /// Commits `batch`, built in `generation` (Store::generation, or what `reopened` said); batches are
  /// committed in the order submitted. Any thread. The caller bounds how many are under way: one at a time is
  /// what group commit wants, as the next batch gathers meanwhile.
  void submit(CommitBatch batch, std::uint64_t generation, Done done);

  const CommitFigures& figures() const { return figures_; }

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
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  bool store_failed_ = false;
  CommitFigures figures_;
  std::thread thread_;
};

}  // namespace carillon::embedded
