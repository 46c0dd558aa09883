#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "bus/deduplication.hpp"
#include "bus/sequence_counters.hpp"
#include "bus/settings.hpp"
#include "bus/topic.hpp"
#include "embedded/bus_neighbours.hpp"
#include "embedded/commit_writer.hpp"
#include "embedded/local_permissions.hpp"
#include "embedded/publish_figures.hpp"
#include "embedded/publish_rights.hpp"
#include "embedded/store.hpp"
#include "ports/message_bus.hpp"
#include "ports/message_spans.hpp"

namespace carillon::embedded {

/// Topics in one process: decides publications and other durable changes in batches, makes each batch
/// durable with one sync while the next one gathers (group commit), then answers and hands the messages on.
/// publish() and last_position() may be called from any thread; everything else is for the bus loop only.
class LocalBus final : public ports::MessageBus {
 public:
  /// A durable change other than a publication. `decide` adds to the batch, or answers its caller itself and
  /// returns false; `done` learns after the sync whether the batch is durable.
  struct Change {
    std::move_only_function<bool(CommitBatch&)> decide;
    std::move_only_function<void(base::Result<void>)> done;
    /// Waits for a failed store to be reopened, or for its turn behind many others, instead of being
    /// refused.
    bool patient = false;
  };
  LocalBus(base::EventLoop& loop, const bus::Settings& settings, Store& store, const bus::Topics& topics,
           LocalPermissions& permissions, LocalConnections& connections, LogEnd end, BusNeighbours neighbours,
           ports::MessageSpans spans);
  ~LocalBus() override;

  void publish(ports::Publication publication, ports::Completion<ports::Receipt> done) override;

  /// Decided in the order of submission, some hundreds per batch. `done` gets overloaded when too many wait.
  void submit(Change change);
  /// For use in Change::decide: the message takes the next position of this batch and is handed on with it.
  model::MessagePtr append(model::Message message, CommitBatch& batch);
  /// Of the newest durable message: it stands here before anybody is answered for it. Any thread.
  model::Position last_position() const { return last_position_; }
  bool store_usable() const { return store_usable_; }
  /// New limits for the rate limiter, after a re-read configuration.
  void set_rate_limits(double per_second, double burst) { rights_.set_rate_limits(per_second, burst); }
  /// Any thread.
  const PublishFigures& figures() const { return figures_; }
  const CommitFigures& commit_figures() const { return writer_->figures(); }

 private:
  struct Pending {
    ports::Publication publication;
    ports::Completion<ports::Receipt> done;
  };
  struct Decided {
    model::MessagePtr message;
    bus::QueueMask queues = 0;
    ports::Receipt receipt;
    ports::Completion<ports::Receipt> done;  ///< empty for what append() added
    bool p2p = false;                        ///< over a socket
  };
  struct Repetition {
    std::size_t of;  ///< into decided_
    ports::Completion<ports::Receipt> done;
  };

  void enqueue(Pending pending);
  void refuse(ports::Completion<ports::Receipt>& done, const base::Error& error);
  void schedule();
  /// Whether the next batch is worth waiting for a moment: the last ones came close together, or what
  /// consumes the log is behind.
  bool gathering();
  void wait_to_gather(std::chrono::microseconds time);
  /// Builds the next batch and hands it to the writer, unless one is being written.
  void pump();
  void take_changes(CommitBatch& batch);
  void take_publications(CommitBatch& batch);
  void decide(Pending pending, CommitBatch& batch);
  void finish(base::Result<void> result, CommitBatch batch);
  void hand_on();
  /// Whether a message of the batch under way has spans.
  bool traced() const;
  /// The batch was with the writer from `from_ns` on until now.
  void record_commit(std::int64_t from_ns, std::int64_t to_ns, bool failed);
  void refuse_batch(const base::Error& error);
  void on_store_failed();
  void on_store_reopened(std::uint64_t generation);

  void publish_ephemeral(Pending pending);
  base::EpochMs next_timestamp();

  base::EventLoop& loop_;
  const bus::Settings& settings_;
  Store& store_;
  const bus::Topics& topics_;
  LocalPermissions& permissions_;
  BusNeighbours neighbours_;
  ports::MessageSpans spans_;
  PublishRights rights_;
  PublishFigures figures_;
  bus::DeduplicationBatch deduplication_;
  bus::SequenceCounters sequences_;

  std::vector<Pending> publications_;  ///< waiting for the next batch
  std::size_t waiting_bytes_ = 0;
  std::deque<Change> changes_;
  std::size_t waiting_changes_ = 0;  ///< of them those that are not patient
  std::vector<model::MessagePtr> ephemeral_;
  bool scheduled_ = false;
  boost::asio::steady_timer gather_timer_;
  std::size_t last_batch_ = 0;  ///< publications in the batch before this one
  bool gather_armed_ = false;
  bool gather_over_ = false;
  bool writing_ = false;
  bool store_usable_ = true;

  // The batch under way.
  CommitBatch batch_;
  std::vector<Decided> decided_;
  std::vector<Repetition> repetitions_;
  std::vector<Change> staged_changes_;
  std::uint64_t generation_;
  std::int64_t durable_ns_ = 0;  ///< when it was; 0 unless it is traced()

  std::atomic<model::Position> last_position_;  ///< durable
  model::Position next_position_;               ///< of the batch under way
  base::EpochMs last_timestamp_;
  std::unique_ptr<CommitWriter> writer_;
};

}  // namespace carillon::embedded
