#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bus/delivery_lane.hpp"
#include "gateway/connection.hpp"
#include "gateway/connection_shard.hpp"
#include "gateway/delivery_desk.hpp"
#include "gateway/frame_parser.hpp"
#include "ports/websocket_handler.hpp"

namespace carillon::gateway {

/// One WebSocket, from the moment its upgrade is put to the handler. Until it is admitted it collects what
/// is delivered to it; from open() on it speaks on its connection. send(), close() and set_identity() may be
/// called on any thread; everything else belongs to the loop.
class WebSocketSession final : public ShardMember,
                               public Protocol,
                               public ports::SocketHandle,
                               public std::enable_shared_from_this<WebSocketSession> {
 public:
  /// `echo`: the session of /echo, which returns every message and knows no handler.
  WebSocketSession(GatewayLoop& loop, model::ConnectionId id, bool echo);
  ~WebSocketSession() override;

  /// Enters the loop's shard, so that targets can be added.
  void register_pending();
  /// The upgrade was refused, or its socket went away first.
  void unregister_pending();
  /// Sends `handshake` (the 101), the admission's first frame and what was delivered meanwhile, and takes the
  /// connection over.
  void open(Connection& connection, ports::Admission admission, std::string handshake, bool compression);
  bool is_open() const { return state_ == State::open; }

  std::shared_ptr<WebSocketSession> self() { return shared_from_this(); }

  // ports::SocketHandle
  void send(std::string text) override;
  void close(std::uint16_t code, std::string reason) override;
  void set_identity(model::IdentityPtr identity) override;

  // Protocol
  std::size_t on_bytes(std::span<char> bytes) override;
  void on_end_of_stream() override;
  void on_closed() override;
  void before_flush() override;
  void on_drained() override;
  void on_sweep(base::Monotonic now) override;
  void on_drain() override {}
  bool idle() const override { return false; }
  WebSocketSession* websocket() override { return this; }

  // For the delivery desk:
  /// False: out of attempts, to be closed with close_slow() once the shard is not being walked.
  bool deliver(const ports::DeliveryRunPtr& run, RunTally& tally);
  void close_slow();
  void drop_waiting(const model::Target& target);
  /// False when nothing waits any more.
  bool retry_waiting(base::Monotonic now);
  /// False when it was not taken: the session is over, or this was more than it has room for.
  bool send_now(std::string text);
  /// The same for a frame that must not overtake deliveries: where some wait for a retry there is no room.
  bool send_in_order(std::string text);
  void close_now(std::uint16_t code, std::string_view reason);
  /// The drain's `reconnect` notice; nothing for clients without `carillon.v1`.
  void announce_reconnect(std::int64_t after_ms);

 private:
  enum class State : std::uint8_t {
    pending,  ///< the handler decides
    open,
    closing,  ///< our close frame is queued, the peer's is awaited
    closed,   ///< both are, or the socket is gone
  };

  void on_event(const FrameEvent& event);
  void on_message(const FrameEvent& event);
  void hand_over(std::string_view text, bool is_text);
  void on_close_frame(const FrameEvent& event);
  void fail(std::uint16_t code, std::string_view why);
  void leave(std::uint16_t code, bool by_client = false);
  void queue_frame(model::Opcode opcode, std::string_view payload);
  void queue_close(std::uint16_t code, std::string_view reason);
  bool deliver_in_parts(const ports::DeliveryRunPtr& run, RunTally& tally);
  void carry_out(bus::DeliveryLane::Step& step);
  void watch_heartbeat(base::Monotonic now);
  void watch_token();
  OutboundQueue& out() { return early_ ? *early_ : connection_->out(); }
  bool takes_frames() const { return state_ == State::open || state_ == State::pending; }

  const std::shared_ptr<GatewayLoop> loop_;  ///< kept: handles may outlive the gateway
  Connection* connection_ = nullptr;
  std::unique_ptr<OutboundQueue> early_;  ///< what was delivered before the 101
  std::unique_ptr<bus::DeliveryLane> lane_;
  model::IdentityPtr identity_;
  ports::ConnectionRecordPtr record_;  ///< null for /echo
  FrameParser parser_;
  std::string pong_;  ///< payload of the latest ping that was not answered yet
  base::Monotonic last_heard_{};
  base::Monotonic last_ping_{};
  base::Monotonic closing_since_{};
  State state_ = State::pending;
  std::uint16_t close_when_open_ = 0;  ///< asked for while pending
  bool pong_due_ = false;
  bool warned_of_expiry_ = false;
  bool versioned_ = false;  ///< speaks carillon.v1
  bool compression_ = false;
  bool registered_ = false;
  const bool echo_;
};

}  // namespace carillon::gateway
