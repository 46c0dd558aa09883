#include "message_storage/message_storage.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include <pthread.h>

#include "base/log.hpp"
#include "model/message_fields.hpp"

namespace carillon::message_storage {

using base::Result;
using model::MessagePtr;
using model::Position;
namespace errors = model::errors;

namespace {

constexpr std::size_t kMaxWaiting = 10'000;
constexpr std::size_t kMaxFailing = 1'000;

std::size_t memory_of(const model::Message& message) {
  return sizeof message + message.payload.size() + message.target.id.size() + message.group_id.size();
}

}  // namespace

struct MessageStorage::Shared {
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<MessagePtr> inbox;
  std::size_t inbox_bytes = 0;
  std::multimap<Position, ports::Completion<void>> waiting;
  std::vector<std::pair<Position, bool>> burials;  ///< answers of the dead letter sink
  Status status;
  Position taken = 0;  ///< what the storage thread has taken
  bool running = false;
  bool stopping = false;
  bool lingering = false;
  bool starting_over = false;

  bool work() const {
    return !inbox.empty() || status.latest > taken || !burials.empty() || stopping || starting_over;
  }
};

MessageStorage::MessageStorage(ports::MessageTable& table, ports::MessageLog& log,
                               DeadLetterSink dead_letters, Settings settings)
    : table_(table),
      log_(log),
      dead_letters_(std::move(dead_letters)),
      settings_(settings),
      spans_(settings.tracer),
      shared_(std::make_shared<Shared>()),
      progress_({settings.max_attempts, settings.retry_base}) {}

MessageStorage::~MessageStorage() {
  stop();
}

void MessageStorage::start(Position latest) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->running = true;
    shared_->status.latest = std::max(shared_->status.latest, latest);
  }
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "message-storage");
    run();
  });
}

void MessageStorage::stop() {
  std::multimap<Position, ports::Completion<void>> waiting;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    shared_->wake.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->running = false;
    waiting.swap(shared_->waiting);
  }
  for (auto& [position, done] : waiting) done(model::fail(errors::kUnavailable, "storage has stopped"));
}

void MessageStorage::accept(std::vector<MessagePtr> messages) {
  if (messages.empty()) return;
  Shared& shared = *shared_;
  const std::lock_guard lock(shared.mutex);
  shared.status.latest = std::max(shared.status.latest, messages.back()->position);
  std::size_t bytes = 0;
  for (const MessagePtr& message : messages) bytes += memory_of(*message);
  // What does not fit is in the log.
  if (shared.inbox_bytes + bytes <= settings_.max_inbox_bytes) {
    shared.inbox_bytes += bytes;
    shared.inbox.insert(shared.inbox.end(), std::move_iterator(messages.begin()),
                        std::move_iterator(messages.end()));
  }
  if (!shared.lingering || shared.inbox.size() >= settings_.batch_messages) shared.wake.notify_one();
}

void MessageStorage::announce(Position latest) {
  const std::lock_guard lock(shared_->mutex);
  shared_->status.latest = std::max(shared_->status.latest, latest);
  shared_->wake.notify_one();
}

void MessageStorage::start_over() {
  const std::lock_guard lock(shared_->mutex);
  shared_->starting_over = true;
  shared_->status.settled = 0;
  shared_->wake.notify_one();
}

void MessageStorage::when_stored(Position position, ports::Completion<void> done) {
  {
    const std::lock_guard lock(shared_->mutex);
    const bool reached = shared_->status.settled >= position;
    if (!reached && shared_->running && shared_->waiting.size() < kMaxWaiting) {
      shared_->waiting.emplace(position, std::move(done));
      shared_->wake.notify_one();
      return;
    }
    if (!reached) {
      const auto& entry = shared_->running ? errors::kOverloaded : errors::kUnavailable;
      return done(model::fail(entry, "storage is behind"));
    }
  }
  done({});
}

Status MessageStorage::status() const {
  const std::lock_guard lock(shared_->mutex);
  Status status = shared_->status;
  if (!status.oldest_waiting && !shared_->inbox.empty())
    status.oldest_waiting = shared_->inbox.front()->published_at;
  return status;
}

void MessageStorage::run() {
  bool resumed = false;
  while (true) {
    {
      const std::lock_guard lock(shared_->mutex);
      if (std::exchange(shared_->starting_over, false)) resumed = false;
    }
    if (!resumed && !resume()) {
      if (!pause(settings_.retry_base)) return;
      continue;
    }
    resumed = true;
    if (!wait_for_work()) return;
    note_burials();
    for (auto& failing : progress_.take_exhausted(base::monotonic_now())) bury(std::move(failing));

    bool sound = true;
    if (auto again = progress_.due_again(base::monotonic_now()); !again.empty())
      sound = write(std::move(again));
    std::vector<MessagePtr> batch;
    if (sound && progress_.failing() < kMaxFailing) {
      batch = take_handed_over();
      Position end = 0;
      {
        const std::lock_guard lock(shared_->mutex);
        end = shared_->inbox.empty() ? shared_->status.latest + 1 : shared_->inbox.front()->position;
      }
      if (batch.empty() && progress_.next() < end) sound = take_from_log(end, batch);
    }
    if (sound && (!batch.empty() || progress_.cursor() > written_cursor_)) sound = write(std::move(batch));
    publish_progress();
    if (sound) {
      failures_in_a_row_ = 0;
      continue;
    }
    // What was written last may be gone after the store was reopened: only the table knows.
    resumed = false;
    const int doublings = std::min(failures_in_a_row_++, 5);
    if (!pause(std::min(settings_.retry_base * (1 << doublings),
                        std::chrono::milliseconds(StorageProgress::kLongestPause))))
      return;
  }
}

bool MessageStorage::resume() {
  const auto cursor = table_.cursor();
  const auto settled = table_.settled();
  if (!cursor || !settled) {
    counts_.failed_writes.add();
    return false;
  }
  progress_.resume(*cursor, *settled);
  written_cursor_ = *cursor;
  publish_progress();
  return true;
}

bool MessageStorage::wait_for_work() {
  Shared& shared = *shared_;
  const auto due = progress_.next_due();
  const bool may_take = progress_.failing() < kMaxFailing;
  std::unique_lock lock(shared.mutex);
  shared.taken = progress_.next() - 1;
  const auto ready = [&] {
    return shared.stopping || shared.starting_over || !shared.burials.empty() ||
           (may_take && shared.work()) || progress_.cursor() > written_cursor_;
  };
  if (due) {
    shared.wake.wait_until(lock, *due, ready);
  } else {
    shared.wake.wait(lock, ready);
  }
  if (shared.stopping && progress_.cursor() == written_cursor_ &&
      (!may_take || (shared.inbox.empty() && shared.status.latest <= shared.taken)))
    return false;
  // A few more messages in the same write cost next to nothing; somebody who waits does not wait for them.
  const auto enough = [&] {
    return shared.inbox.size() >= settings_.batch_messages || !shared.waiting.empty() || shared.stopping;
  };
  if (!shared.inbox.empty() && !enough()) {
    shared.lingering = true;
    shared.wake.wait_for(lock, settings_.linger, enough);
    shared.lingering = false;
  }
  return true;
}

std::vector<MessagePtr> MessageStorage::take_handed_over() {
  Shared& shared = *shared_;
  std::vector<MessagePtr> batch;
  std::size_t bytes = 0;
  const std::lock_guard lock(shared.mutex);
  while (!shared.inbox.empty() && batch.size() < settings_.batch_messages && bytes < settings_.batch_bytes) {
    MessagePtr& front = shared.inbox.front();
    if (front->position > progress_.next()) break;
    const std::size_t size = memory_of(*front);
    if (front->position == progress_.next() && progress_.take(*front, kQueue)) {
      bytes += size;
      batch.push_back(std::move(front));
    }
    shared.inbox_bytes -= size;
    shared.inbox.pop_front();
  }
  return batch;
}

bool MessageStorage::take_from_log(Position end, std::vector<MessagePtr>& batch) {
  const auto limit = std::min<std::size_t>(settings_.batch_messages, end - progress_.next());
  const auto read = log_.read(progress_.next(), limit, settings_.batch_bytes);
  if (!read) return false;
  for (const MessagePtr& message : *read)
    if (progress_.take(*message, kQueue)) batch.push_back(message);
  if (read->empty()) progress_.skip_to(end);
  return true;
}

bool MessageStorage::write(std::vector<MessagePtr> batch) {
  ports::StorageStep step{batch, progress_.cursor_after(batch), {}};
  step.settled = progress_.marks_up_to(step.cursor);
  if (!batch.empty() && progress_.failing() == 0) {
    const std::lock_guard lock(shared_->mutex);
    shared_->status.oldest_waiting = batch.front()->published_at;
  }
  const bool traced = spans_.on() && std::ranges::any_of(batch, [this](const MessagePtr& each) {
                        return spans_.wants(*each);
                      });
  const std::int64_t from_ns = traced ? base::now_ns() : 0;
  const auto stored = table_.store(step);
  if (traced) record_spans(batch, from_ns, stored);
  if (!stored) {
    counts_.failed_writes.add();
    return false;
  }
  std::vector<bool> is_failed(batch.size());
  for (const ports::StorageFailure& failure : *stored) {
    is_failed[failure.index] = true;
    progress_.failed(batch[failure.index], std::string(failure.error.code()) + ": " + failure.error.details(),
                     base::monotonic_now());
    counts_.retried.add();
  }
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (!is_failed[i]) progress_.stored(batch[i]->position);
  counts_.stored.add(batch.size() - stored->size());
  if (stored->empty()) {
    written_cursor_ = step.cursor;
    progress_.forget_marks(step.cursor);
  }
  return true;
}

void MessageStorage::record_spans(const std::vector<MessagePtr>& batch, std::int64_t from_ns,
                                  const Result<std::vector<ports::StorageFailure>>& stored) const {
  const std::int64_t to_ns = base::now_ns();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!spans_.wants(*batch[i])) continue;
    const bool failed =
        !stored || std::ranges::find(*stored, i, &ports::StorageFailure::index) != stored->end();
    spans_.record("store", *batch[i], from_ns, to_ns, {{"messages", std::to_string(batch.size())}}, failed);
  }
}

void MessageStorage::bury(StorageProgress::Failing failing) {
  ports::QueuedMessage letter;
  letter.message = failing.message;
  letter.attempts = failing.attempts;
  letter.enqueued_at = base::now_ms();
  letter.reason = failing.reason;
  if (base::log::enabled(base::log::Level::error) && lines_.allow(base::monotonic_now())) {
    model::MessageFields fields(*failing.message);
    base::log::write(base::log::Level::error, "message_storage_failed", "a message goes to MessageStorageDLQ",
                     fields.add({"reason", failing.reason}).list());
  }
  dead_letters_(std::move(letter),
                [shared = shared_, position = failing.message->position](Result<void> done) {
                  const std::lock_guard lock(shared->mutex);
                  shared->burials.emplace_back(position, done.has_value());
                  shared->wake.notify_one();
                });
}

void MessageStorage::report_suppressed() {
  if (const std::uint64_t count = lines_.take_suppressed(); count > 0)
    base::log::error("message_storage_failed_sampled", "per-message lines held back",
                     {{"count", count}, {"total", lines_.suppressed()}});
}

void MessageStorage::note_burials() {
  std::vector<std::pair<Position, bool>> burials;
  {
    const std::lock_guard lock(shared_->mutex);
    burials.swap(shared_->burials);
  }
  for (const auto& [position, done] : burials) counts_.dead_lettered.add(done ? 1 : 0);
  for (const auto& [position, done] : burials)
    done ? progress_.buried(position) : progress_.not_buried(position, base::monotonic_now());
}

void MessageStorage::publish_progress() {
  std::vector<ports::Completion<void>> reached;
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->starting_over) return;
    Status& status = shared_->status;
    status.settled = written_cursor_;
    status.latest = std::max(status.latest, status.settled);
    if (status.settled >= status.latest)
      status.oldest_waiting.reset();
    else if (const auto* first = progress_.first_failing())
      status.oldest_waiting = (*first)->published_at;
    else if (!shared_->inbox.empty())
      status.oldest_waiting = shared_->inbox.front()->published_at;
    const auto end = shared_->waiting.upper_bound(status.settled);
    for (auto at = shared_->waiting.begin(); at != end; ++at) reached.push_back(std::move(at->second));
    shared_->waiting.erase(shared_->waiting.begin(), end);
  }
  for (auto& done : reached) done({});
}

bool MessageStorage::pause(std::chrono::milliseconds duration) {
  std::unique_lock lock(shared_->mutex);
  return !shared_->wake.wait_for(lock, duration, [&] { return shared_->stopping; });
}

}  // namespace carillon::message_storage
