// What a WebSocketSession does with deliveries: the whole run at once when it fits, else frame by frame
// through a lane of its own.
#include "base/ids.hpp"
#include "gateway/close_code.hpp"
#include "gateway/deflate.hpp"
#include "gateway/gateway_loop.hpp"
#include "gateway/websocket_session.hpp"

namespace carillon::gateway {
namespace {

std::uint64_t random_number() {
  std::uint64_t number = 0;
  base::random_bytes(reinterpret_cast<std::uint8_t*>(&number), sizeof(number));
  return number;
}

std::string_view frame_of(const ports::DeliveryRun& run, std::uint32_t index, bool compressed) {
  if (compressed) {
    const auto& made = compressed_frames(run);
    const std::uint32_t begin = index == 0 ? 0 : made.ends[index - 1];
    return std::string_view(made.frames).substr(begin, made.ends[index] - begin);
  }
  const std::uint32_t begin = index == 0 ? 0 : run.index[index - 1].end;
  return std::string_view(run.frames).substr(begin, run.index[index].end - begin);
}

}  // namespace

bool WebSocketSession::deliver(const ports::DeliveryRunPtr& run, RunTally& tally) {
  const std::string_view frames = compression_ ? compressed_frames(*run).frames : run->frames;
  OutboundQueue& queue = out();
  const std::size_t most = loop_->front().settings.max_outbound_bytes;
  // A burst within one turn fills the buffer of a client that reads well, as nothing is sent before its end.
  if (queue.bytes() + frames.size() > most && connection_) connection_->make_room();
  if (lane_ || queue.bytes() + frames.size() > most) return deliver_in_parts(run, tally);
  queue.append_shared(run, frames);
  tally.whole(*this);
  if (connection_) connection_->flush_soon();
  return true;
}

bool WebSocketSession::deliver_in_parts(const ports::DeliveryRunPtr& run, RunTally& tally) {
  const Settings& settings = loop_->front().settings;
  const bool fresh = !lane_;
  if (fresh) {
    bus::DeliveryLane::Limits limits{.max_outbound_bytes = settings.max_outbound_bytes};
    limits.retry.max_attempts = settings.max_attempts;
    limits.retry.base = settings.retry_base;
    lane_ = std::make_unique<bus::DeliveryLane>(limits, ConnectionShard::user_of(*this), id());
  }
  bool keep = true;
  for (std::uint32_t i = 0; i < run->index.size(); ++i) {
    const auto size = static_cast<std::uint32_t>(frame_of(*run, i, compression_).size());
    bus::DeliveryLane::Step step;
    const auto offered = lane_->offer({run, i, size}, out().bytes(), loop_->now(), random_number(), step);
    carry_out(step);
    keep = keep && !step.close;
    ports::DeliveryOutcome& outcome = tally.frame(i);
    if (offered == bus::DeliveryLane::Offered::accepted) {
      ++outcome.delivered;
      outcome.users = ports::joined(outcome.users, ConnectionShard::user_list(*this));
    }
    if (offered == bus::DeliveryLane::Offered::waiting) ++outcome.waiting;
    if (offered == bus::DeliveryLane::Offered::gone) ++outcome.gone;
  }
  if (!keep) return false;
  if (lane_->empty())
    lane_.reset();
  else if (fresh)
    loop_->desk().watch(self());
  return true;
}

void WebSocketSession::carry_out(bus::DeliveryLane::Step& step) {
  for (const bus::DeliveryLane::Frame& frame : step.send)
    out().append_shared(frame.run, frame_of(*frame.run, frame.index, compression_));
  if (!step.send.empty() && connection_) connection_->flush_soon();
  if (step.changes.empty()) return;
  loop_->desk().changed(std::move(step.changes));
  loop_->schedule_turn();
}

void WebSocketSession::drop_waiting(const model::Target& target) {
  if (!lane_) return;
  bus::DeliveryLane::Step step;
  lane_->drop(target, out().bytes(), loop_->now(), random_number(), step);
  carry_out(step);
  if (step.close) return close_slow();
  if (lane_->empty()) lane_.reset();
}

bool WebSocketSession::retry_waiting(base::Monotonic now) {
  if (!lane_ || !takes_frames()) return false;
  if (now < lane_->due()) return true;
  bus::DeliveryLane::Step step;
  loop_->figures().delivery_retries.add();
  lane_->retry(out().bytes(), now, random_number(), step);
  carry_out(step);
  if (step.close) {
    close_slow();
    return false;
  }
  if (!lane_->empty()) return true;
  lane_.reset();
  return false;
}

void WebSocketSession::close_slow() {
  close_now(close_code::kTryAgainLater, "slow consumer");
}

}  // namespace carillon::gateway
