#include "embedded/commit_writer.hpp"

#include <algorithm>
#include <chrono>

#include <pthread.h>

#include "base/log.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kFirstReopen{50};
constexpr milliseconds kLongestPause{5000};

}  // namespace

CommitWriter::CommitWriter(Store& store, Listener listener) : store_(store), listener_(std::move(listener)) {
  store_.set_failure_sink([this] {
    const std::lock_guard lock(mutex_);
    store_failed_ = true;
    wake_.notify_one();
  });
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "commit-writer");
    run();
  });
}

CommitWriter::~CommitWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  thread_.join();
  store_.set_failure_sink({});
}

void CommitWriter::submit(CommitBatch batch, std::uint64_t generation, Done done) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back({std::move(batch), generation, std::move(done)});
  if (jobs_.size() == 1) wake_.notify_one();
}

void CommitWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return !jobs_.empty() || stopping_ || store_failed_; });
    if (store_failed_) {
      recover(lock);
    } else if (!jobs_.empty()) {
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      commit(std::move(job));
      lock.lock();
    }
    if (stopping_ && jobs_.empty()) return;
  }
}

void CommitWriter::commit(Job job) {
  const std::uint64_t changes = job.batch.size(), bytes = job.batch.bytes();
  const base::Monotonic start = base::monotonic_now();
  base::Result<void> outcome = store_.write_synced(job.batch, job.generation);
  if (outcome) {
    figures_.duration.record(base::monotonic_now() - start);
    figures_.commits.add();
    figures_.changes.record(changes);
    figures_.bytes.add(bytes);
  } else {
    figures_.failures.add();
  }
  job.batch.clear();
  job.done(std::move(outcome), std::move(job.batch));
}

void CommitWriter::refuse_all(std::unique_lock<std::mutex>& lock) {
  std::deque<Job> jobs;
  jobs.swap(jobs_);
  figures_.failures.add(jobs.size());
  lock.unlock();
  for (Job& job : jobs) {
    job.batch.clear();
    job.done(model::fail(model::errors::kUnavailable, "the store is being reopened"), std::move(job.batch));
  }
  lock.lock();
}

void CommitWriter::recover(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  if (listener_.failed) listener_.failed();
  lock.lock();
  for (milliseconds pause = kFirstReopen;; pause = std::min(pause * 2, kLongestPause)) {
    const auto until = std::chrono::steady_clock::now() + pause;
    while (!stopping_ && std::chrono::steady_clock::now() < until) {
      refuse_all(lock);
      wake_.wait_until(lock, until, [this] { return stopping_ || !jobs_.empty(); });
    }
    refuse_all(lock);
    if (stopping_) return;
    store_failed_ = false;
    lock.unlock();
    const base::Result<void> reopened = store_.reopen();
    if (reopened) {
      base::log::info("store_reopened", "the store takes writes again",
                      {{"generation", store_.generation()}});
      if (listener_.reopened) listener_.reopened(store_.generation());
    } else {
      base::log::error("store_not_reopened", "the store cannot be opened yet; commits are answered 503",
                       {{"reason", reopened.error().details()}});
    }
    lock.lock();
    if (!reopened) continue;
    figures_.reopened.add();
    return;
  }
}

void CommitFigures::collect(ports::MetricSet& into) const {
  into.counter("carillon_commits_total", "Batches made durable.", commits.value());
  into.histogram("carillon_commit_duration_seconds", "Making a batch durable: write and sync.",
                 ports::HistogramUnit::microseconds, duration.snapshot());
  into.histogram("carillon_commit_batch_size", "Single changes in a batch that was made durable.",
                 ports::HistogramUnit::one, changes.snapshot());
  into.counter("carillon_commit_bytes_total", "Bytes of batches made durable.", bytes.value());
  into.counter("carillon_commit_failures_total",
               "Batches that failed, or were refused while the store was not usable.", failures.value());
  into.counter("carillon_store_reopened_total", "Times that the store was opened again after a failed write.",
               reopened.value());
}

}  // namespace carillon::embedded
