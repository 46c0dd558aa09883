#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.hpp"
#include "gateway/outbound_queue.hpp"
#include "gateway/poller.hpp"
#include "gateway/source_address.hpp"
#include "gateway/transport.hpp"

namespace carillon::gateway {

class Connection;
class GatewayLoop;
class WebSocketSession;

/// What is spoken on a connection: HTTP, later perhaps WebSocket. Called on the connection's loop only.
class Protocol {
 public:
  virtual ~Protocol() = default;
  /// Bytes of the peer; returns how many it is done with. The others come again, with more behind them.
  virtual std::size_t on_bytes(std::span<char> bytes) = 0;
  /// The peer sends nothing more.
  virtual void on_end_of_stream() = 0;
  /// The same, seen before all that it sent was read: while reading is paused, at once. Once.
  virtual void on_hang_up() {}
  /// The socket is closed; the connection must not be touched any more. The last call.
  virtual void on_closed() = 0;
  /// What is queued is about to be sent: the last moment to add to it.
  virtual void before_flush() {}
  /// All that was queued has been taken by the socket.
  virtual void on_drained() {}
  /// Looks for what took too long. About once per Timing::sweep.
  virtual void on_sweep(base::Monotonic now) = 0;
  /// The gateway began to drain.
  virtual void on_drain() = 0;
  /// Nothing is under way that a drain would wait for.
  virtual bool idle() const = 0;
  virtual WebSocketSession* websocket() { return nullptr; }
};

/// One accepted socket: reads as it gets readable, a bounded amount per turn, and sends what its protocol
/// queued at the end of the turn. Belongs to its loop, which alone touches it.
class Connection final : public PollTarget {
 public:
  Connection(GatewayLoop& loop, int fd, const TlsContext& tls, const IpAddress& peer);
  ~Connection();

  GatewayLoop& loop() { return loop_; }
  const IpAddress& peer() const { return peer_; }
  bool secure() const { return transport_.secure(); }
  bool established() const { return transport_.established(); }
  bool closed() const { return transport_.fd() < 0; }
  bool hung_up() const { return hung_up_; }

  void set_protocol(std::shared_ptr<Protocol> protocol);
  Protocol* protocol() { return protocol_.get(); }

  /// What is still to be sent; after adding to it, flush_soon().
  OutboundQueue& out() { return out_; }
  void flush_soon();
  /// The socket takes nothing for now.
  bool blocked() const { return blocked_; }

  /// No more on_bytes() until resume().
  void pause() { paused_ = true; }
  bool paused() const { return paused_; }
  void resume();
  /// Ask for on_bytes() in the next turn, although bytes are left unread now.
  void again();

  /// Sends what is queued, says that this was all, and closes once the peer has closed as well, or a moment
  /// later. What the peer still sends is dropped.
  void finish();
  /// At once, whatever is queued. The connection stays valid until the turn ends.
  void close();
  /// Counts towards the address's connections until it closes.
  void count_for(const IpAddress& address) { counted_for_ = address; }
  bool counted() const { return counted_for_.has_value(); }

  void on_events(std::uint32_t events) override;
  void flush();
  /// Sends what the socket takes now, so that the buffer has room before a frame is refused. Never closes: a
  /// failure shows again at the flush that is due.
  void make_room();
  void continue_reading();
  void sweep(base::Monotonic now);
  /// Nothing that a drain would wait for.
  bool idle() const { return finishing_ ? out_.empty() : protocol_->idle() && out_.empty(); }

 private:
  friend class GatewayLoop;
  static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};
  void read();
  void deliver(std::span<char> bytes);
  void deliver_unread();
  void start_lingering();
  Transport::Status send_queued();
  void account(std::size_t queued);

  GatewayLoop& loop_;
  Transport transport_;
  OutboundQueue out_;
  std::shared_ptr<Protocol> protocol_;
  std::string unread_;  ///< what the protocol was not done with
  std::uint32_t unread_at_ = 0;
  std::size_t accounted_ = 0;  ///< of a WebSocket: bytes of out_ that the loop's figures have
  IpAddress peer_;
  std::optional<IpAddress> counted_for_;
  base::Monotonic waiting_since_{};  ///< blocked or lingering since
  std::uint32_t index_ = 0;          ///< its place in the loop's lists
  std::uint32_t dirty_at_ = kNowhere;
  std::uint32_t again_at_ = kNowhere;
  bool readable_ = false;
  bool hung_up_ = false;  ///< the peer's end is in the socket, behind what it sent
  bool blocked_ = false;
  bool paused_ = false;
  bool finishing_ = false;
  bool lingering_ = false;
  bool is_websocket_ = false;
};

}  // namespace carillon::gateway
