#include "bus/delivery_lane.hpp"

#include <utility>

namespace carillon::bus {
namespace {

constexpr const char* kBufferFull = "outbound buffer full";

ports::DeliveryOutcome resolved(const DeliveryLane::Frame& frame) {
  return {.delivery = frame.delivery(), .first = false, .waiting = -1};
}

ports::DeliveryOutcome gone(const DeliveryLane::Frame& frame) {
  auto outcome = resolved(frame);
  outcome.gone = 1;
  return outcome;
}

}  // namespace

DeliveryLane::DeliveryLane(Limits limits, model::UserId user, model::ConnectionId connection)
    : limits_(limits), user_(ports::list_of(std::move(user))), connection_(std::move(connection)) {}

DeliveryLane::Offered DeliveryLane::offer(Frame frame, std::size_t queued_bytes, base::Monotonic now,
                                          std::uint64_t random, Step& step) {
  if (given_up_) return Offered::gone;
  const bool may_wait = frame.delivery() != 0;
  if (!frames_.empty() && may_wait && !has_room(frame) && fits(frames_.front(), queued_bytes))
    flush(queued_bytes, now, random, step);
  if (given_up_) return Offered::gone;
  if (frames_.empty() && fits(frame, queued_bytes)) {
    step.send.push_back(std::move(frame));
    return Offered::accepted;
  }
  if (!may_wait) return Offered::gone;
  if (frames_.empty()) {
    frames_.push_back(std::move(frame));
    start_failing(now, random, step);
    return Offered::waiting;
  }
  if (has_room(frame)) {
    park(std::move(frame));
    return Offered::waiting;
  }
  give_up(step);
  return Offered::gone;
}

void DeliveryLane::retry(std::size_t queued_bytes, base::Monotonic now, std::uint64_t random, Step& step) {
  if (frames_.empty() || now < due_) return;
  if (fits(frames_.front(), queued_bytes)) {
    flush(queued_bytes, now, random, step);
    return;
  }
  if (limits_.retry.exhausted(++failed_attempts_)) {
    give_up(step);
    return;
  }
  due_ = now + limits_.retry.delay(failed_attempts_, random);
}

void DeliveryLane::drop(const model::Target& target, std::size_t queued_bytes, base::Monotonic now,
                        std::uint64_t random, Step& step) {
  if (frames_.empty()) return;
  const bool drops_first = frames_.front().run->target == target;
  std::deque<Frame> kept;
  parked_bytes_ = 0;
  for (Frame& frame : frames_) {
    if (frame.run->target == target) {
      step.changes.push_back(gone(frame));
      continue;
    }
    if (!kept.empty()) parked_bytes_ += frame.bytes;
    kept.push_back(std::move(frame));
  }
  frames_ = std::move(kept);
  if (drops_first) flush(queued_bytes, now, random, step);
}

void DeliveryLane::abandon(std::vector<ports::DeliveryOutcome>& changes) {
  for (const Frame& frame : frames_) changes.push_back(gone(frame));
  frames_.clear();
  parked_bytes_ = 0;
  given_up_ = true;
}

bool DeliveryLane::has_room(const Frame& frame) const {
  return parked_frames() < limits_.max_parked_frames &&
         parked_bytes_ + frame.bytes <= limits_.max_outbound_bytes;
}

void DeliveryLane::park(Frame frame) {
  parked_bytes_ += frame.bytes;
  frames_.push_back(std::move(frame));
}

void DeliveryLane::pop_front() {
  frames_.pop_front();
  if (!frames_.empty()) parked_bytes_ -= frames_.front().bytes;
}

void DeliveryLane::flush(std::size_t& queued_bytes, base::Monotonic now, std::uint64_t random, Step& step) {
  while (!frames_.empty() && fits(frames_.front(), queued_bytes)) {
    Frame& frame = frames_.front();
    queued_bytes += frame.bytes;
    auto outcome = resolved(frame);
    outcome.delivered = 1;
    outcome.users = user_;
    step.changes.push_back(std::move(outcome));
    step.send.push_back(std::move(frame));
    pop_front();
  }
  if (!frames_.empty()) start_failing(now, random, step);
}

void DeliveryLane::start_failing(base::Monotonic now, std::uint64_t random, Step& step) {
  failed_attempts_ = 1;
  if (limits_.retry.exhausted(failed_attempts_)) {
    give_up(step);
    return;
  }
  due_ = now + limits_.retry.delay(failed_attempts_, random);
}

void DeliveryLane::give_up(Step& step) {
  auto outcome = resolved(frames_.front());
  outcome.failed.push_back({user_ ? user_->front() : model::UserId(), connection_, kBufferFull});
  step.changes.push_back(std::move(outcome));
  pop_front();
  abandon(step.changes);
  step.close = true;
}

}  // namespace carillon::bus
