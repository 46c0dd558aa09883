#include "processor/processor.hpp"

#include <bit>
#include <cassert>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "model/websocket_frame.hpp"

namespace carillon::processor {
namespace {

constexpr std::size_t kMaxFrameHeader = 10;

bool same_recipients(const ports::DeliveryRun& run, const model::Message& message) {
  const bool same_except = message.exclude_sender ? run.except == message.sender : run.except.empty();
  return same_except && (message.redrive ? run.only == message.redrive->users : run.only.empty());
}

}  // namespace

/// Lays the messages of one turn out in runs. A message joins the last run for its target, unless its group
/// has been written to a later run since: joining would then take it past its predecessor.
class Processor::Turn {
 public:
  Turn(const TargetHolders& holders, std::size_t max_run_bytes)
      : holders_(holders), max_run_bytes_(max_run_bytes) {}

  /// The loops that hold the message's target, asked once per target.
  LoopMask find_loops(const model::Message& message) {
    if (!target_ || *target_ != message.target) {
      const auto [at, added] = targets_.try_emplace(&message.target);
      if (added) at->second.loops = holders_.loops_of(message.target);
      target_ = &message.target;
      current_ = &at->second;
    }
    return current_->loops;
  }

  /// Adds the message that find_loops() was last called for.
  void add(const model::Message& message, std::string_view event, ports::DeliveryId delivery) {
    std::uint32_t* last_of_group = nullptr;
    if (message.type == model::MessageType::fifo)
      last_of_group = &groups_.try_emplace(message.group_id, 0).first->second;
    const std::size_t bytes = event.size() + kMaxFrameHeader;
    if (!joins(message, bytes, last_of_group ? *last_of_group : 0)) open(message, bytes);
    if (last_of_group) *last_of_group = current_->last_run;
    ports::DeliveryRun& run = *runs_[current_->last_run - 1].run;
    model::append_frame(run.frames, model::Opcode::text, event);
    run.index.push_back({delivery, static_cast<std::uint32_t>(run.frames.size())});
  }

  void hand_over(std::vector<std::vector<ports::DeliveryRunPtr>>& by_loop) {
    for (PlacedRun& placed : runs_) {
      const ports::DeliveryRunPtr run = std::move(placed.run);
      for (LoopMask left = placed.loops; left != 0; left &= left - 1)
        by_loop[static_cast<std::size_t>(std::countr_zero(left))].push_back(run);
    }
  }

 private:
  struct PlacedRun {
    std::shared_ptr<ports::DeliveryRun> run;
    LoopMask loops = 0;
  };
  /// Runs are counted from 1 here; 0 is none.
  struct TargetState {
    LoopMask loops = 0;
    std::uint32_t last_run = 0;
  };
  struct PointedHash {
    std::size_t operator()(const model::Target* target) const { return model::TargetHash()(*target); }
  };
  struct PointedEqual {
    bool operator()(const model::Target* a, const model::Target* b) const { return *a == *b; }
  };

  bool joins(const model::Message& message, std::size_t bytes, std::uint32_t last_of_group) const {
    if (current_->last_run == 0 || last_of_group > current_->last_run) return false;
    const ports::DeliveryRun& run = *runs_[current_->last_run - 1].run;
    return run.frames.size() + bytes <= max_run_bytes_ && same_recipients(run, message);
  }

  void open(const model::Message& message, std::size_t bytes) {
    auto run = std::make_shared<ports::DeliveryRun>();
    run->target = message.target;
    if (message.exclude_sender) run->except = message.sender;
    if (message.redrive) run->only = message.redrive->users;
    run->frames.reserve(bytes);
    runs_.push_back({std::move(run), current_->loops});
    current_->last_run = static_cast<std::uint32_t>(runs_.size());
  }

  const TargetHolders& holders_;
  std::size_t max_run_bytes_;
  std::vector<PlacedRun> runs_;
  std::unordered_map<const model::Target*, TargetState, PointedHash, PointedEqual> targets_;
  std::unordered_map<std::string_view, std::uint32_t> groups_;
  const model::Target* target_ = nullptr;
  TargetState* current_ = nullptr;
};

Processor::Processor(std::size_t queues, ports::LoopIndex loops, std::size_t max_run_bytes)
    : loops_(loops), max_run_bytes_(max_run_bytes), unsettled_(queues), in_flight_(queues) {
  assert(loops <= kMaxLoops);
}

Dispatch Processor::dispatch(std::span<const QueuedItem> items, const TargetHolders& holders,
                             base::EpochMs now, base::Monotonic handed_over) {
  Dispatch dispatch;
  dispatch.runs.resize(loops_);
  Turn turn(holders, max_run_bytes_);
  for (const QueuedItem& item : items) {
    const LoopMask loops = turn.find_loops(*item.message);
    if (loops == 0) {
      if (item.queue != bus::kNoQueue)
        dispatch.settled.push_back({.queue = item.queue, .message = item.message});
      continue;
    }
    const ports::DeliveryId delivery = open(item, loops, handed_over);
    if (item.message->broadcast) {
      turn.add(*item.message, item.message->payload, delivery);
      continue;
    }
    event_.clear();
    model::append_event(event_, *item.message, now);
    turn.add(*item.message, event_, delivery);
  }
  turn.hand_over(dispatch.runs);
  return dispatch;
}

ports::DeliveryId Processor::open(const QueuedItem& item, LoopMask loops, base::Monotonic handed_over) {
  if (item.queue == bus::kNoQueue) return 0;
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.message = item.message;
  slot.pending = loops;
  slot.handed_over = handed_over;
  slot.queue = item.queue;
  slot.state = State::in_flight;
  ++slot.generation;
  unsettled_[item.queue].add(item.message->position, index);
  ++in_flight_[item.queue];
  ++total_in_flight_;
  return static_cast<ports::DeliveryId>(slot.generation) << 32 | index;
}

Processor::Slot* Processor::find(ports::DeliveryId delivery) {
  const auto index = static_cast<std::uint32_t>(delivery);
  if (index >= slots_.size()) return nullptr;
  Slot& slot = slots_[index];
  return slot.state != State::free && slot.generation == delivery >> 32 ? &slot : nullptr;
}

void Processor::on_outcomes(ports::LoopIndex loop, std::vector<ports::DeliveryOutcome> outcomes,
                            std::vector<SettledDelivery>& settled) {
  for (ports::DeliveryOutcome& outcome : outcomes) {
    Slot* slot = find(outcome.delivery);
    if (!slot || slot->state != State::in_flight) continue;
    apply(*slot, loop, outcome);
    if (slot->pending == 0 && slot->waiting <= 0) settled.push_back(settle(outcome.delivery, *slot));
  }
}

void Processor::apply(Slot& slot, ports::LoopIndex loop, ports::DeliveryOutcome& outcome) {
  const LoopMask bit = LoopMask{1} << loop;
  if (outcome.first) {
    if ((slot.pending & bit) == 0) return;
    slot.pending &= ~bit;
  }
  slot.delivered += outcome.delivered;
  slot.gone += outcome.gone;
  slot.waiting += outcome.waiting;
  if (outcome.users) add_users(slot.users, std::move(outcome.users));
  if (outcome.failed.empty()) return;
  if (!slot.failed) slot.failed = std::make_unique<std::vector<ports::FailedRecipient>>();
  for (ports::FailedRecipient& each : outcome.failed) slot.failed->push_back(std::move(each));
}

void Processor::add_users(ports::UserListPtr& to, ports::UserListPtr users) {
  if (!to) {
    to = std::move(users);
    return;
  }
  if (joined_.first != to || joined_.second != users) {
    ports::UserListPtr both = ports::joined(to, users);
    joined_ = {std::move(to), std::move(users), std::move(both)};
  }
  to = joined_.both;
}

SettledDelivery Processor::settle(ports::DeliveryId delivery, Slot& slot) {
  SettledDelivery settled{.delivery = delivery,
                          .queue = slot.queue,
                          .message = slot.message,
                          .delivered = std::exchange(slot.delivered, 0),
                          .gone = std::exchange(slot.gone, 0),
                          .handed_over = slot.handed_over,
                          .users = std::move(slot.users)};
  --in_flight_[slot.queue];
  --total_in_flight_;
  if (slot.failed) {
    settled.result = settled.delivered > 0 ? DeliveryResult::partial_failure : DeliveryResult::failed;
    settled.failed = std::move(*slot.failed);
    slot.state = State::dead;
  } else {
    settled.result = settled.delivered > 0 ? DeliveryResult::delivered : DeliveryResult::undelivered;
    release(slot);
  }
  return settled;
}

bool Processor::dead_lettered(ports::DeliveryId delivery) {
  Slot* slot = find(delivery);
  if (!slot || slot->state != State::dead) return false;
  release(*slot);
  return true;
}

void Processor::release(Slot& slot) {
  unsettled_[slot.queue].remove(slot.message->position);
  slot = Slot{.generation = slot.generation};
  free_.push_back(static_cast<std::uint32_t>(&slot - slots_.data()));
}

std::optional<base::EpochMs> Processor::oldest(bus::QueueIndex queue) const {
  if (unsettled_[queue].empty()) return std::nullopt;
  return slots_[unsettled_[queue].smallest_value()].message->published_at;
}

std::optional<DeliveryProgress> Processor::find(bus::QueueIndex queue, model::Position position) const {
  const std::uint32_t* const index = unsettled_[queue].find(position);
  if (!index) return std::nullopt;
  const Slot& slot = slots_[*index];
  return DeliveryProgress{slot.delivered, slot.gone, slot.users};
}

std::vector<model::MessagePtr> Processor::peek(bus::QueueIndex queue, std::size_t limit) const {
  std::vector<model::MessagePtr> found;
  if (limit == 0) return found;
  unsettled_[queue].for_each([&](model::Position, std::uint32_t slot) {
    found.push_back(slots_[slot].message);
    return found.size() < limit;
  });
  return found;
}

}  // namespace carillon::processor
