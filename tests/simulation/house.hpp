#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus/rate_limiter.hpp"
#include "bus/sequence_counters.hpp"
#include "gateway_loop.hpp"
#include "hook_consumer.hpp"
#include "model/errors.hpp"
#include "processor/processor.hpp"

namespace carillon::simulation {

inline bus::Settings settings() {
  bus::Settings made;
  made.channels.push_back(
      {.name = "Hook", .filter = R"({"targetChannel":["Hook"],"eventType":[{"anything-but":"unhooked"}]})"});
  return made;
}

/// One life of the process: the bus loop with its machines, and the gateway loops. A crash is the end of it;
/// the next one starts from the disk.
class House final : processor::TargetHolders {
 public:
  using Answer = std::function<void(base::Result<ports::Receipt>)>;

  /// `crash` ends this life, once the caller has returned.
  House(World& world, std::function<void()> crash);
  /// Brings back from the log what is not settled; nothing is published before.
  void recover();

  void publish(const ports::Publication& publication, Answer answer);
  void connect(std::shared_ptr<Connection> connection, const std::vector<std::string>& chats);
  void disconnect(std::size_t which);
  void revoke(const UserChat& pair);
  void redrive(QueueIndex queue, bool all);
  void write_cursors();
  void check_end() const;
  const bus::Topics& topics() const { return topics_; }

 private:
  struct Waiting {
    ports::Publication publication;
    Answer answer;
  };
  struct Accepted {
    std::shared_ptr<model::Message> message;
    Answer answer;
    std::optional<bus::DeduplicationKey> key;
  };
  struct Death {
    QueueIndex queue = 0;
    bus::DeadLetter letter;
    ports::DeliveryId delivery = 0;  ///< 0: of a webhook queue
  };
  struct Redrive {
    QueueIndex queue = 0;
    Position place = 0;
    std::shared_ptr<model::Message> message;
  };
  struct Batch {
    std::vector<Accepted> accepted;
    std::vector<std::pair<Answer, std::size_t>> repeats;
    std::vector<Death> deaths;
    std::vector<Redrive> redrives;
    std::vector<std::pair<std::string, model::SequenceNumber>> counters;
  };

  processor::LoopMask loops_of(const model::Target& target) const override;

  void pump_writer();
  void decide(Batch& batch, Waiting waiting);
  base::Result<void> admit(const ports::Publication& publication, bus::QueueMask queues);
  base::Result<std::shared_ptr<model::Message>> enrich(const ports::Publication& publication);
  void decide_redrives(Batch& batch);
  void sync(std::shared_ptr<Batch> batch);
  void write(const Batch& batch);
  void durable(Batch& batch);
  void failed(Batch& batch, bool landed);
  void after_write(Batch& batch);
  void dispatch(const std::vector<MessagePtr>& messages);
  void expect(const MessagePtr& message);
  void take_settled(std::vector<processor::SettledDelivery> settled);
  void store();
  std::size_t depth(QueueIndex queue) const;
  std::optional<Position> low_watermark(QueueIndex queue) const;

  World& world_;
  std::function<void()> crash_;
  bus::Topics topics_;
  processor::Processor processor_;
  bus::SequenceCounters counters_{3};
  bus::DeduplicationBatch repeats_;
  bus::RateLimiter limiter_;
  std::vector<Waiting> inbox_;
  std::vector<Death> deaths_;
  std::vector<std::pair<QueueIndex, Position>> redrives_;
  std::map<QueueIndex, bus::DeadLetterIndex> dead_;
  bool recovered_ = false;
  bool writing_ = true;  ///< until recovered
  Position applied_ = 0;
  std::deque<Position> storage_;
  bool storing_ = false;
  HookConsumer<bus::StandardQueue> hook_;
  HookConsumer<bus::FifoQueue> fifo_hook_;

  std::vector<std::unique_ptr<GatewayLoop>> loops_;
  std::vector<Inbox> to_loop_;
  std::vector<Inbox> from_loop_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::unordered_map<model::Target, std::vector<Connection*>, model::TargetHash> directory_;
};

}  // namespace carillon::simulation
