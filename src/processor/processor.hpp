#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bus/topic.hpp"
#include "bus/unsettled_positions.hpp"
#include "model/message.hpp"
#include "ports/connection_gateway.hpp"

namespace carillon::processor {

/// A set of gateway loops: bit N is loop N.
using LoopMask = std::uint64_t;
inline constexpr ports::LoopIndex kMaxLoops = 64;

/// Which loops have a connection that receives what is sent to a target, at this moment.
class TargetHolders {
 public:
  virtual ~TargetHolders() = default;
  virtual LoopMask loops_of(const model::Target& target) const = 0;
};

/// A message and the queue it came from; bus::kNoQueue for an ephemeral one, which nobody waits for.
struct QueuedItem {
  bus::QueueIndex queue = bus::kNoQueue;
  model::MessagePtr message;
};

enum class DeliveryResult : std::uint8_t {
  undelivered,      ///< there was no live recipient
  delivered,        ///< all that there were
  partial_failure,  ///< some recipients are out of attempts
  failed            ///< all are
};

/// A delivery that no recipient waits for any more.
struct SettledDelivery {
  ports::DeliveryId delivery = 0;
  bus::QueueIndex queue = bus::kNoQueue;
  model::MessagePtr message;
  DeliveryResult result = DeliveryResult::undelivered;
  std::uint32_t delivered = 0;
  std::uint32_t gone = 0;
  base::Monotonic handed_over{};  ///< to the loops; the epoch when there was no recipient
  ports::UserListPtr users;       ///< the first of those who got it
  std::vector<ports::FailedRecipient> failed;

  /// To be moved to the dead letter queue; unsettled until dead_lettered() is called.
  bool is_dead_letter() const { return !failed.empty(); }
};

/// What became so far of a delivery that is not settled.
struct DeliveryProgress {
  std::uint32_t delivered = 0;
  std::uint32_t gone = 0;
  ports::UserListPtr users;
};

/// What a turn comes to.
struct Dispatch {
  std::vector<std::vector<ports::DeliveryRunPtr>> runs;  ///< by loop, in the order to be delivered
  std::vector<SettledDelivery> settled;                  ///< undelivered: no loop holds their target
};

/// The processor's deciding part: turns messages into runs of frames for the gateway loops, and follows each
/// delivery until the last recipient is served, gone or out of attempts. Bus loop only; time is passed in.
class Processor {
 public:
  static constexpr std::size_t kMaxRunBytes = 256 * 1024;  ///< one frame may be larger

  /// `queues`: how many Topics has. `loops`: at most kMaxLoops.
  Processor(std::size_t queues, ports::LoopIndex loops, std::size_t max_run_bytes = kMaxRunBytes);
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  /// Takes the messages of one turn in their order (per queue by rising position). Each is encoded once.
  /// Messages for one target share a run, with the same `exclude_sender` and redrive users; a connection
  /// gets those of a target, and those of a fifo group, in the order given. `now` becomes processorTimestamp,
  /// `handed_over` that of the deliveries.
  Dispatch dispatch(std::span<const QueuedItem> items, const TargetHolders& holders, base::EpochMs now,
                    base::Monotonic handed_over = {});

  /// Takes a loop's outcomes and appends the deliveries that are over. A second `first` of a loop and
  /// outcomes of deliveries that are over, or were never made, are ignored.
  void on_outcomes(ports::LoopIndex loop, std::vector<ports::DeliveryOutcome> outcomes,
                   std::vector<SettledDelivery>& settled);
  /// The dead letter of this delivery is durable. False when it waits for none.
  bool dead_lettered(ports::DeliveryId delivery);

  std::size_t depth(bus::QueueIndex queue) const { return unsettled_[queue].size(); }
  /// What waits for loops or retries; the rest of depth() waits for its dead letter to be durable.
  std::size_t in_flight(bus::QueueIndex queue) const { return in_flight_[queue]; }
  std::size_t in_flight() const { return total_in_flight_; }
  /// The publish time of the oldest unsettled message.
  std::optional<base::EpochMs> oldest(bus::QueueIndex queue) const;
  /// The smallest unsettled position; nothing when all that was dispatched is settled.
  std::optional<model::Position> low_watermark(bus::QueueIndex queue) const {
    return unsettled_[queue].smallest();
  }
  /// Of the unsettled message at `position`; nothing when there is none.
  std::optional<DeliveryProgress> find(bus::QueueIndex queue, model::Position position) const;
  /// Unsettled messages, oldest first.
  std::vector<model::MessagePtr> peek(bus::QueueIndex queue, std::size_t limit) const;

 private:
  enum class State : std::uint8_t { free, in_flight, dead };
  struct Slot {
    model::MessagePtr message;
    LoopMask pending = 0;  ///< loops that have not answered yet
    std::unique_ptr<std::vector<ports::FailedRecipient>> failed;
    ports::UserListPtr users;
    base::Monotonic handed_over;
    std::uint32_t generation = 0;
    std::uint32_t delivered = 0;
    std::uint32_t gone = 0;
    std::int32_t waiting = 0;
    bus::QueueIndex queue = bus::kNoQueue;
    State state = State::free;
  };
  class Turn;

  ports::DeliveryId open(const QueuedItem& item, LoopMask loops, base::Monotonic handed_over);
  Slot* find(ports::DeliveryId delivery);
  void apply(Slot& slot, ports::LoopIndex loop, ports::DeliveryOutcome& outcome);
  SettledDelivery settle(ports::DeliveryId delivery, Slot& slot);
  void release(Slot& slot);
  void add_users(ports::UserListPtr& to, ports::UserListPtr users);

  ports::LoopIndex loops_;
  std::size_t max_run_bytes_;
  std::vector<Slot> slots_;  ///< a DeliveryId is generation and place here
  std::vector<std::uint32_t> free_;
  std::vector<bus::UnsettledPositions<std::uint32_t>> unsettled_;  ///< by queue: position to slot
  std::vector<std::size_t> in_flight_;                             ///< by queue
  std::size_t total_in_flight_ = 0;
  std::string event_;  ///< the event being encoded; kept for its memory
  /// The lists that were joined last, and what that gave: mostly those of the next message too.
  struct {
    ports::UserListPtr first, second, both;
  } joined_;
};

}  // namespace carillon::processor
