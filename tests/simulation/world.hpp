#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agenda.hpp"
#include "bus/dead_letter.hpp"
#include "bus/deduplication.hpp"
#include "bus/topic.hpp"
#include "model/message.hpp"

namespace carillon::simulation {

using bus::QueueIndex;
using model::MessagePtr;
using model::Position;
using UserChat = std::pair<std::string, std::string>;

/// What survives a crash. Written in whole batches.
struct Disk {
  std::vector<MessagePtr> log;  ///< position 1 first
  std::map<std::string, model::SequenceNumber> counters;
  std::unordered_map<bus::DeduplicationKey, bus::DeduplicationRecord, bus::DeduplicationKeyHash> window;
  std::map<QueueIndex, std::map<Position, bus::DeadLetter>> dead_letters;
  Position next_place = 1;
  std::map<QueueIndex, Position> cursors;  ///< everything before is settled
  std::set<Position> stored;
  std::set<UserChat> members;
};

/// Queues of the one channel beside WebSocket that this world has, in Topics' order.
inline constexpr QueueIndex kHookQueue = 3;
inline constexpr QueueIndex kHookFifoQueue = 4;

/// Which queues a message must go through: the rule once more, without Topics and filter policies.
inline std::set<QueueIndex> queues_of(const model::Message& message) {
  static const std::map<std::string, QueueIndex> kByName{
      {"WebSocketFifoQueue", bus::kWebSocketFifoQueue},
      {"WebSocketStandardQueue", bus::kWebSocketStandardQueue},
      {"HookQueue", kHookQueue},
      {"HookFifoQueue", kHookFifoQueue}};
  if (message.redrive) return {kByName.at(message.redrive->queue)};
  const std::string fifo = message.type == model::MessageType::fifo ? "Fifo" : "";
  std::set<QueueIndex> queues{bus::kMessageStorageQueue};
  if (message.channel == "WebSocket")
    queues.insert(kByName.at(fifo.empty() ? "WebSocketStandardQueue" : "WebSocketFifoQueue"));
  else if (message.event_type != "unhooked")
    queues.insert(kByName.at("Hook" + fifo + "Queue"));
  return queues;
}

/// A publisher's intention; sent again until it is answered, when it can be recognised.
struct Intention {
  ports::Publication publication;
  bool recognisable = false;  ///< by a deduplication id or by its content
  bool sent = false;
  bool refused_once = false;
  std::optional<ports::Receipt> receipt;
};

/// Sees everything and knows the rules: what the checks are made of.
class Oracle {
 public:
  explicit Oracle(const Disk& disk) : disk_(disk) {}

  void answered(Intention& intention, const ports::Receipt& receipt) {
    const bool durable = position_of(receipt.id).has_value();
    require(durable, "answered before it was durable");
    if (intention.receipt) {
      require(receipt.deduplicated, "a repetition was not recognised");
      require(intention.receipt->id == receipt.id, "a repetition got another messageId");
      require(intention.receipt->sequence == receipt.sequence, "a repetition took a sequence number");
      return;
    }
    intention.receipt = receipt;
  }

  /// A queue is done with a position: delivered, undelivered, or durably dead-lettered.
  void settled(QueueIndex queue, Position position) { settled_.insert({queue, position}); }
  bool is_settled(QueueIndex queue, Position position) const { return settled_.contains({queue, position}); }

  void revocation_answered(const UserChat& pair) { revoked_.insert(pair); }
  void granted(const UserChat& pair) { revoked_.erase(pair); }
  bool is_revoked(const UserChat& pair) const { return revoked_.contains(pair); }

  void cursor_written(QueueIndex queue, Position cursor) const {
    for (Position at = cursor_checked(queue); at < cursor; ++at)
      if (queues_of(*disk_.log[at - 1]).contains(queue))
        require(queue == bus::kMessageStorageQueue ? disk_.stored.contains(at) : is_settled(queue, at),
                "a cursor passed a message that is not settled");
  }

  std::optional<Position> position_of(const model::MessageId& id) const {
    for (const MessagePtr& each : disk_.log)
      if (each->id == id) return each->position;
    return std::nullopt;
  }

  /// After everything came to rest.
  void check_end(const std::vector<Intention>& intentions) const {
    check_sequences();
    std::map<std::string, int> copies;
    for (const MessagePtr& each : disk_.log) {
      if (!each->redrive) ++copies[each->payload];
      for (const QueueIndex queue : queues_of(*each))
        require(queue == bus::kMessageStorageQueue ? disk_.stored.contains(each->position)
                                                   : is_settled(queue, each->position),
                "a durable message got lost on its way through queue " + std::to_string(queue));
    }
    for (const Intention& each : intentions) {
      const int count = copies[each.publication.payload];
      if (each.receipt) require(count >= 1, "an acknowledged message is not in the log");
      if (each.recognisable) require(count <= 1, "a repetition was published");
    }
  }

 private:
  Position cursor_checked(QueueIndex queue) const {
    const auto at = disk_.cursors.find(queue);
    return at == disk_.cursors.end() ? 1 : at->second;
  }

  void check_sequences() const {
    std::map<std::string, model::SequenceNumber> last;
    Position position = 0;
    for (const MessagePtr& each : disk_.log) {
      require(each->position == ++position, "a gap in the log");
      if (each->redrive || !each->sequence || each->client_sequence) continue;
      require(*each->sequence == ++last[each->target.id], "a gap or a repeat in a chat's sequence");
    }
  }

  const Disk& disk_;
  std::set<std::pair<QueueIndex, Position>> settled_;
  std::set<UserChat> revoked_;
};

/// How this seed's world is.
struct Nature {
  unsigned crash_percent = 0;         ///< of the whole process, per batch
  unsigned failed_sync_percent = 0;   ///< per batch
  unsigned hook_failure_percent = 0;  ///< per call
  std::size_t loops = 1;
  std::size_t publications = 80;
  std::size_t connections = 12;
  std::size_t max_outbound_bytes = 1500;
  std::uint64_t max_depth = 1000;
  double publish_per_second = 0;
};

struct World {
  explicit World(std::uint64_t seed) : random(seed) {}

  Random random;
  Agenda agenda;
  Nature nature;
  Disk disk;
  Oracle oracle{disk};
  int life = 0;  ///< counts starts of the process; what belongs to an earlier one does not happen any more
  /// Connections that were given up in this life and stand in no dead letter yet.
  std::set<model::ConnectionId> unreported;
  std::size_t dead_letters = 0;  ///< ever made, to see that seeds reach what they are there for
  std::size_t redriven = 0;
  std::size_t given_up = 0;
  std::size_t revocations = 0;
  std::size_t deduplicated = 0;
  std::size_t deliveries = 0;

  std::chrono::microseconds moment(std::size_t at_most_us = 2000) {
    return std::chrono::microseconds(random.below(at_most_us));
  }
  /// Plans something that a crash of the process undoes.
  void in_this_life(base::Monotonic time, Agenda::Event event) {
    agenda.at(time, [this, planned = life, event = std::move(event)] {
      if (planned == life) event();
    });
  }
};

/// The way from one loop to another: in order, after some time.
class Inbox {
 public:
  explicit Inbox(World& world) : world_(world) {}
  void post(Agenda::Event event) {
    last_ = std::max(last_, world_.agenda.now() + world_.moment());
    world_.in_this_life(last_, std::move(event));
  }

 private:
  World& world_;
  base::Monotonic last_{};
};

}  // namespace carillon::simulation
