#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/clock.hpp"
#include "bus/retry_policy.hpp"
#include "model/target.hpp"
#include "ports/connection_gateway.hpp"

namespace carillon::bus {

/// The frames of a connection whose outbound buffer is full (CONTRACT §11): one failing frame with its retry
/// clock, and those that came after it, parked in order. Made by the connection's session when a frame does
/// not fit; as long as it is not empty, every delivery goes through offer(). Not for answers, pings and
/// notices. On the connection's loop only; time is passed in.
class DeliveryLane {
 public:
  struct Limits {
    std::size_t max_outbound_bytes = 1 << 20;  ///< of the connection's buffer, and again of what is parked
    std::size_t max_parked_frames = 10'000;
    RetryPolicy retry;
  };
  struct Frame {
    ports::DeliveryRunPtr run;
    std::uint32_t index = 0;  ///< into run->index
    std::uint32_t bytes = 0;  ///< as this connection sends it, compressed or not

    ports::DeliveryId delivery() const { return run->index[index].delivery; }
  };
  /// What the session has to do after a call. Changes carry `first = false`.
  struct Step {
    std::vector<Frame> send;                      ///< into the buffer now, in this order
    std::vector<ports::DeliveryOutcome> changes;  ///< of frames that waited until now
    bool close = false;  ///< close the connection 1013; the lane is empty and takes nothing more
  };
  /// What became of an offered frame: to be counted in its delivery's first outcome.
  enum class Offered { accepted, waiting, gone };

  DeliveryLane(Limits limits, model::UserId user, model::ConnectionId connection);

  /// A frame that comes after all offered before. `queued_bytes` is what stands in the connection's buffer
  /// now. Accepted ones are in `step.send`. When what is parked would be over its bound, the failing frame's
  /// remaining attempts are made at once: either it fits by now, or the connection is given up. A frame of
  /// delivery 0 (ephemeral) never waits: it fits or is gone.
  Offered offer(Frame frame, std::size_t queued_bytes, base::Monotonic now, std::uint64_t random, Step& step);
  /// The retry clock: does nothing before due(). The failing frame is tried again; once it fits, the parked
  /// ones follow as far as they fit, and the first that does not is the next failing one. After the last
  /// attempt: the failing recipient is in `changes`, the parked frames are gone, the connection is closed.
  void retry(std::size_t queued_bytes, base::Monotonic now, std::uint64_t random, Step& step);
  /// Frames of `target` are gone. When the failing one is among them, the next is tried at once.
  void drop(const model::Target& target, std::size_t queued_bytes, base::Monotonic now, std::uint64_t random,
            Step& step);
  /// The connection is closed: every frame that waits is gone.
  void abandon(std::vector<ports::DeliveryOutcome>& changes);

  /// Nothing waits: the session may delete the lane and write directly again.
  bool empty() const { return frames_.empty(); }
  /// When to call retry(); only when not empty.
  base::Monotonic due() const { return due_; }
  int failed_attempts() const { return failed_attempts_; }
  std::size_t parked_frames() const { return frames_.empty() ? 0 : frames_.size() - 1; }
  std::size_t parked_bytes() const { return parked_bytes_; }

 private:
  bool fits(const Frame& frame, std::size_t queued_bytes) const {
    return queued_bytes + frame.bytes <= limits_.max_outbound_bytes;
  }
  bool has_room(const Frame& frame) const;
  void park(Frame frame);
  void pop_front();
  /// Sends what fits from the front on; what does not starts as the failing frame.
  void flush(std::size_t& queued_bytes, base::Monotonic now, std::uint64_t random, Step& step);
  /// The first frame did not fit for the first time.
  void start_failing(base::Monotonic now, std::uint64_t random, Step& step);
  /// The failing frame is out of attempts.
  void give_up(Step& step);

  Limits limits_;
  ports::UserListPtr user_;  ///< whose connection it is; null when that is not known
  model::ConnectionId connection_;
  std::deque<Frame> frames_;  ///< the failing one first, then the parked ones
  std::size_t parked_bytes_ = 0;
  int failed_attempts_ = 0;
  base::Monotonic due_{};
  bool given_up_ = false;
};

}  // namespace carillon::bus
