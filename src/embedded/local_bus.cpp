#include "embedded/local_bus.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using base::Result;
using model::Error;
using ports::Completion;
using ports::Publication;
using ports::Receipt;

constexpr std::size_t kMaxBatchMessages = 4096;
constexpr std::size_t kMaxBatchBytes = 8u << 20;
/// A batch of this many says that more publishers are busy than one sync serves at a time.
constexpr std::size_t kBusyBatch = 4;
constexpr std::size_t kWorthWriting = 256;
constexpr std::chrono::microseconds kGather{200};
constexpr std::size_t kMaxWaiting = 100'000;
constexpr std::size_t kMaxWaitingBytes = 256u << 20;
constexpr std::size_t kMaxBatchChanges = 1000;
constexpr std::size_t kMaxWaitingChanges = 10'000;
constexpr std::size_t kCachedCounters = 100'000;
constexpr std::int64_t kRetryAfterMs = 1000;

Error store_unavailable() {
  return model::retry_later(errors::kOverloaded, kRetryAfterMs, "store unavailable");
}

std::size_t weight(const Publication& publication) {
  return publication.payload.size() + 512;
}

}  // namespace

LocalBus::LocalBus(base::EventLoop& loop, const bus::Settings& settings, Store& store,
                   const bus::Topics& topics, LocalPermissions& permissions, LocalConnections& connections,
                   LogEnd end, BusNeighbours neighbours, ports::MessageSpans spans)
    : loop_(loop),
      settings_(settings),
      store_(store),
      topics_(topics),
      permissions_(permissions),
      neighbours_(std::move(neighbours)),
      spans_(spans),
      rights_(settings, permissions, connections),
      sequences_(kCachedCounters),
      gather_timer_(loop.io()),
      generation_(store.generation()),
      last_position_(end.position),
      next_position_(end.position + 1),
      last_timestamp_(end.published_at) {
  CommitWriter::Listener listener;
  listener.failed = [this] {
    neighbours_.failed();
    loop_.post([this] { on_store_failed(); });
  };
  listener.reopened = [this](std::uint64_t generation) {
    loop_.post([this, generation] { on_store_reopened(generation); });
  };
  writer_ = std::make_unique<CommitWriter>(store, std::move(listener));
}

LocalBus::~LocalBus() = default;

void LocalBus::publish(Publication publication, Completion<Receipt> done) {
  if (publication.accepted_at == base::Monotonic{}) publication.accepted_at = base::monotonic_now();
  loop_.post([this, pending = Pending{std::move(publication), std::move(done)}]() mutable {
    enqueue(std::move(pending));
  });
}

void LocalBus::enqueue(Pending pending) {
  if (pending.publication.type == model::MessageType::ephemeral) return publish_ephemeral(std::move(pending));
  if (!store_usable_) return refuse(pending.done, store_unavailable());
  const std::size_t bytes = weight(pending.publication);
  if (publications_.size() >= kMaxWaiting || waiting_bytes_ + bytes > kMaxWaitingBytes)
    return refuse(pending.done, model::retry_later(errors::kOverloaded, kRetryAfterMs));
  waiting_bytes_ += bytes;
  publications_.push_back(std::move(pending));
  schedule();
}

void LocalBus::refuse(Completion<Receipt>& done, const Error& error) {
  figures_.refused(error);
  done(std::unexpected(error));
}

void LocalBus::submit(Change change) {
  if (!change.patient) {
    if (!store_usable_) return change.done(std::unexpected(store_unavailable()));
    if (waiting_changes_ >= kMaxWaitingChanges)
      return change.done(std::unexpected(model::retry_later(errors::kOverloaded, kRetryAfterMs)));
    ++waiting_changes_;
  }
  changes_.push_back(std::move(change));
  schedule();
}

void LocalBus::schedule() {
  if (scheduled_ || writing_) return;
  scheduled_ = true;
  loop_.at_end_of_turn([this] {
    scheduled_ = false;
    pump();
  });
}

void LocalBus::pump() {
  if (!store_usable_ || writing_ || (publications_.empty() && changes_.empty()) || gathering()) return;
  next_position_ = last_position_ + 1;
  take_changes(batch_);
  take_publications(batch_);
  for (const auto& [scope, value] : sequences_.changes()) batch_.set_sequence(scope, value);
  if (batch_.empty()) {
    // Everything was refused, or needs nothing written. What is left is for another turn of the loop.
    finish({}, std::move(batch_));
    if (!publications_.empty() || !changes_.empty()) schedule();
    return;
  }
  writing_ = true;
  last_batch_ = decided_.size();
  gather_over_ = false;
  gather_timer_.cancel();
  const std::int64_t from_ns = traced() ? base::now_ns() : 0;
  writer_->submit(std::move(batch_), generation_, [this, from_ns](Result<void> result, CommitBatch batch) {
    const std::int64_t to_ns = from_ns != 0 ? base::now_ns() : 0;
    loop_.post([this, from_ns, to_ns, result = std::move(result), batch = std::move(batch)]() mutable {
      writing_ = false;
      if (from_ns != 0) record_commit(from_ns, to_ns, !result);
      durable_ns_ = to_ns;
      finish(std::move(result), std::move(batch));
      pump();
    });
  });
}

bool LocalBus::gathering() {
  if (writing_ || !store_usable_ || gather_over_ || !changes_.empty() || publications_.empty()) return false;
  auto time = neighbours_.pace();
  const std::size_t wanted = std::min(last_batch_ * 2, kWorthWriting);
  if (last_batch_ >= kBusyBatch && publications_.size() < wanted) time = std::max(time, kGather);
  if (time.count() == 0) return false;
  wait_to_gather(time);
  return true;
}

void LocalBus::wait_to_gather(std::chrono::microseconds time) {
  if (std::exchange(gather_armed_, true)) return;
  gather_timer_.expires_after(time);
  gather_timer_.async_wait([this](boost::system::error_code error) {
    gather_armed_ = false;
    if (error) return;
    gather_over_ = true;
    pump();
  });
}

void LocalBus::take_changes(CommitBatch& batch) {
  for (std::size_t taken = 0;
       taken < kMaxBatchChanges && !changes_.empty() && batch.bytes() < kMaxBatchBytes / 2; ++taken) {
    Change change = std::move(changes_.front());
    changes_.pop_front();
    waiting_changes_ -= !change.patient;
    if (change.decide(batch)) staged_changes_.push_back(std::move(change));
  }
}

void LocalBus::take_publications(CommitBatch& batch) {
  std::size_t taken = 0;
  while (taken < publications_.size() && taken < kMaxBatchMessages && batch.bytes() < kMaxBatchBytes) {
    waiting_bytes_ -= weight(publications_[taken].publication);
    decide(std::move(publications_[taken]), batch);
    ++taken;
  }
  publications_.erase(publications_.begin(), publications_.begin() + static_cast<std::ptrdiff_t>(taken));
}

base::EpochMs LocalBus::next_timestamp() {
  return last_timestamp_ = std::max(base::now_ms(), last_timestamp_);
}

void LocalBus::decide(Pending pending, CommitBatch& batch) {
  Publication& publication = pending.publication;
  if (auto right = rights_.check(publication); !right) return refuse(pending.done, right.error());

  const auto key = bus::deduplication_key(publication, settings_.content_based_deduplication);
  if (key) {
    const base::EpochMs now = base::now_ms();
    auto verdict = deduplication_.decide(
        *key, decided_.size(), now,
        [&](const bus::DeduplicationKey& each) -> Result<std::optional<bus::DeduplicationRecord>> {
          auto receipt = store_.deduplication(each.view(), now);
          if (!receipt) return std::unexpected(receipt.error());
          if (!*receipt) return std::nullopt;
          return bus::DeduplicationRecord{**receipt, now + 1};
        });
    if (!verdict) return refuse(pending.done, verdict.error());
    if (auto* first = std::get_if<Receipt>(&*verdict)) {
      figures_.deduplicated();
      return pending.done(*first);
    }
    if (const auto* repeats = std::get_if<bus::DeduplicationBatch::Repeats>(&*verdict))
      return repetitions_.push_back({repeats->index, std::move(pending.done)});
  }
  const bus::QueueMask queues = topics_.route(static_cast<const model::MessageBody&>(publication));
  auto admitted = neighbours_.admit(queues);
  const bool counts =
      admitted && publication.type == model::MessageType::fifo && publication.target.is_chat();
  auto message = std::make_shared<model::Message>();
  if (counts && publication.custom_sequence) {
    message->sequence = publication.custom_sequence;
    message->client_sequence = true;
  } else if (counts && publication.generate_sequence) {
    const auto next = sequences_.next(publication.target.id,
                                      [this](const std::string& chat) { return store_.sequence(chat); });
    if (next)
      message->sequence = *next;
    else
      admitted = std::unexpected(next.error());
  }
  if (!admitted) {
    if (key) deduplication_.withdraw(*key);
    return refuse(pending.done, admitted.error());
  }
  const bool p2p = !publication.connection.empty();
  static_cast<model::MessageBody&>(*message) = std::move(static_cast<model::MessageBody&>(publication));
  message->published_at = next_timestamp();
  message->id = model::MessageId::generate(message->published_at);
  message->position = next_position_++;
  message->accepted_at = publication.accepted_at;
  const Receipt receipt{message->id, message->published_at, message->sequence, false};
  batch.add_message(*message);
  if (key)
    batch.add_deduplication(key->view(), receipt,
                            message->published_at + settings_.deduplication_window.count());
  decided_.push_back({std::move(message), queues, receipt, std::move(pending.done), p2p});
}

model::MessagePtr LocalBus::append(model::Message message, CommitBatch& batch) {
  message.position = next_position_++;
  auto shared = std::make_shared<const model::Message>(std::move(message));
  batch.add_message(*shared);
  decided_.push_back({shared, topics_.route(*shared), {}, {}});
  return shared;
}

void LocalBus::publish_ephemeral(Pending pending) {
  Publication& publication = pending.publication;
  if (auto right = rights_.check(publication); !right) return refuse(pending.done, right.error());
  auto message = std::make_shared<model::Message>();
  static_cast<model::MessageBody&>(*message) = std::move(static_cast<model::MessageBody&>(publication));
  message->published_at = next_timestamp();
  message->id = model::MessageId::generate(message->published_at);
  message->accepted_at = publication.accepted_at;
  figures_.published(message->type, !publication.connection.empty());
  pending.done(Receipt{message->id, message->published_at, std::nullopt, false});
  if (message->channel != model::kWebSocketChannel) return;
  ephemeral_.push_back(std::move(message));
  if (ephemeral_.size() > 1) return;
  loop_.at_end_of_turn([this] {
    std::vector<model::MessagePtr> messages;
    messages.swap(ephemeral_);
    neighbours_.ephemeral(std::move(messages));
  });
}

void LocalBus::finish(Result<void> result, CommitBatch batch) {
  batch_ = std::move(batch);
  batch_.clear();
  if (result) {
    hand_on();
  } else {
    refuse_batch(result.error());
  }
  deduplication_.clear();
  decided_.clear();
  repetitions_.clear();
}

void LocalBus::hand_on() {
  sequences_.commit();
  permissions_.commit();
  last_position_ = next_position_ - 1;
  for (Decided& each : decided_) {
    if (!each.done) continue;
    figures_.published(each.message->type, each.p2p);
    each.done(each.receipt);
  }
  for (Repetition& each : repetitions_) {
    figures_.deduplicated();
    Receipt receipt = decided_[each.of].receipt;
    receipt.deduplicated = true;
    each.done(std::move(receipt));
  }
  std::vector<Change> changes;
  changes.swap(staged_changes_);
  for (Change& change : changes) change.done({});
  if (decided_.empty()) return;
  std::vector<std::pair<model::MessagePtr, bus::QueueMask>> messages;
  messages.reserve(decided_.size());
  for (Decided& each : decided_) messages.emplace_back(std::move(each.message), each.queues);
  neighbours_.committed(std::move(messages), durable_ns_);
}

bool LocalBus::traced() const {
  return spans_.on() &&
         std::ranges::any_of(decided_, [&](const Decided& each) { return spans_.wants(*each.message); });
}

void LocalBus::record_commit(std::int64_t from_ns, std::int64_t to_ns, bool failed) {
  for (const Decided& each : decided_)
    if (spans_.wants(*each.message))
      spans_.record("commit", *each.message, from_ns, to_ns, {{"messages", std::to_string(decided_.size())}},
                    failed);
}

void LocalBus::refuse_batch(const base::Error& error) {
  sequences_.rollback();
  permissions_.forget();
  const Error answer = model::retry_later(errors::kOverloaded, kRetryAfterMs, error.details());
  for (Decided& each : decided_)
    if (each.done) refuse(each.done, answer);
  for (Repetition& each : repetitions_) refuse(each.done, answer);
  std::vector<Change> changes;
  changes.swap(staged_changes_);
  for (Change& change : changes) change.done(std::unexpected(answer));
}

void LocalBus::on_store_failed() {
  store_usable_ = false;
  std::vector<Pending> publications;
  publications.swap(publications_);
  waiting_bytes_ = 0;
  for (Pending& each : publications) refuse(each.done, store_unavailable());
  std::deque<Change> changes;
  changes.swap(changes_);
  waiting_changes_ = 0;
  for (Change& each : changes) {
    if (each.patient)
      changes_.push_back(std::move(each));
    else
      each.done(std::unexpected(store_unavailable()));
  }
}

void LocalBus::on_store_reopened(std::uint64_t generation) {
  const auto end = store_.log_end();
  if (!end)
    return base::log::error("store_unreadable", "the reopened store's log cannot be read",
                            {{"reason", end.error().details()}});
  const model::Position handed_on = last_position_;
  generation_ = generation;
  last_position_ = std::max(end->position, last_position_.load());
  last_timestamp_ = std::max(end->published_at, last_timestamp_);
  sequences_.rollback();
  permissions_.forget();
  store_usable_ = true;
  neighbours_.recover(handed_on + 1);
  schedule();
}

}  // namespace carillon::embedded
