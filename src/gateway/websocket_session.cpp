#include "gateway/websocket_session.hpp"

#include <utility>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "gateway/close_code.hpp"
#include "gateway/deflate.hpp"
#include "gateway/gateway_loop.hpp"

namespace carillon::gateway {
namespace {

constexpr int kFramesPerTurn = 16;
constexpr std::chrono::seconds kCloseHandshake{5};
constexpr base::EpochMs kExpiryWarningMs = 60'000;
constexpr std::size_t kWorthDeflating = 512;
constexpr std::size_t kMaxReason = 123;  ///< of a close frame, beside its code
constexpr std::string_view kProtocol = "carillon.v1";

}  // namespace

WebSocketSession::WebSocketSession(GatewayLoop& loop, model::ConnectionId id, bool echo)
    : ShardMember(std::move(id)),
      loop_(loop.shared_from_this()),
      early_(std::make_unique<OutboundQueue>()),
      parser_(echo ? loop.front().echo_rules : loop.front().rules),
      echo_(echo) {}

WebSocketSession::~WebSocketSession() = default;

void WebSocketSession::register_pending() {
  loop_->desk().shard().add(*this);
  registered_ = true;
}

void WebSocketSession::unregister_pending() {
  if (registered_) loop_->desk().shard().remove(*this);
  registered_ = false;
  if (lane_) {
    std::vector<ports::DeliveryOutcome> changes;
    lane_->abandon(changes);
    loop_->desk().changed(std::move(changes));
    loop_->schedule_turn();
  }
  lane_.reset();
  early_.reset();
  state_ = State::closed;
}

void WebSocketSession::open(Connection& connection, ports::Admission admission, std::string handshake,
                            bool compression) {
  connection_ = &connection;
  state_ = State::open;
  record_ = std::move(admission.record);
  if (record_ && !identity_) identity_ = record_->identity;
  versioned_ = admission.subprotocol == kProtocol;
  compression_ = compression;
  if (compression) parser_.allow_compression();
  const auto early = std::exchange(early_, nullptr);
  connection.out().append(std::string_view(handshake));
  if (!admission.first_frame.empty()) queue_frame(model::Opcode::text, admission.first_frame);
  connection.out().splice(*early);
  last_heard_ = last_ping_ = loop_->now();
  loop_->front().websockets.fetch_add(1, std::memory_order_relaxed);
  loop_->figures().connections_opened.add();
  base::log::debug("websocket_open", "a WebSocket was opened", {{"connectionId", id().str()}});
  connection.flush_soon();
  if (close_when_open_ != 0) return close_now(close_when_open_, {});
  if (loop_->front().draining) {
    announce_reconnect(0);
    close_now(close_code::kGoingAway, "draining");
  }
}

void WebSocketSession::send(std::string text) {
  loop_->run([session = self(), text = std::move(text)]() mutable { session->send_now(std::move(text)); });
}

void WebSocketSession::close(std::uint16_t code, std::string reason) {
  loop_->run([session = self(), code, reason = std::move(reason)] { session->close_now(code, reason); });
}

void WebSocketSession::set_identity(model::IdentityPtr identity) {
  loop_->run([session = self(), identity = std::move(identity)]() mutable {
    session->identity_ = std::move(identity);
    session->warned_of_expiry_ = false;
  });
}

std::size_t WebSocketSession::on_bytes(std::span<char> bytes) {
  const auto alive = self();
  last_heard_ = loop_->now();
  if (record_) record_->last_active_at.store(loop_->front().timing.wall(), std::memory_order_relaxed);
  std::span<char> input = bytes;
  for (int frames = 0; !input.empty(); ++frames) {
    if (state_ == State::closed) return bytes.size();
    if (frames == kFramesPerTurn) {
      connection_->again();
      break;
    }
    const FrameEvent event = parser_.next(input);
    if (event.kind == FrameEvent::Kind::need_more) break;
    on_event(event);
  }
  parser_.release();
  loop_->figures().bytes_received.add(bytes.size() - input.size());
  return bytes.size() - input.size();
}

void WebSocketSession::on_event(const FrameEvent& event) {
  switch (event.kind) {
    case FrameEvent::Kind::text:
    case FrameEvent::Kind::binary:
      if (state_ != State::open) break;
      loop_->figures().messages_received.add();
      on_message(event);
      break;
    case FrameEvent::Kind::ping:
      if (state_ != State::open) break;
      pong_ = event.payload;
      pong_due_ = true;
      connection_->flush_soon();
      break;
    case FrameEvent::Kind::close:
      on_close_frame(event);
      break;
    case FrameEvent::Kind::violation:
      fail(event.code, event.why);
      break;
    case FrameEvent::Kind::pong:
    case FrameEvent::Kind::need_more:
      break;
  }
}

void WebSocketSession::on_message(const FrameEvent& event) {
  const bool is_text = event.kind == FrameEvent::Kind::text;
  if (!event.compressed) return hand_over(event.payload, is_text);
  std::string message;
  switch (inflate_message(event.payload, loop_->front().settings.max_message_bytes, message)) {
    case Inflated::too_large:
      return fail(close_code::kMessageTooBig, "message too large");
    case Inflated::broken:
      return fail(close_code::kInvalidPayload, "bad deflate data");
    case Inflated::ok:
      break;
  }
  if (is_text && !base::valid_utf8(message)) return fail(close_code::kInvalidPayload, "invalid UTF-8");
  hand_over(message, is_text);
}

void WebSocketSession::hand_over(std::string_view text, bool is_text) {
  if (echo_) {
    queue_frame(is_text ? model::Opcode::text : model::Opcode::binary, text);
    connection_->flush_soon();
    // A client that does not read is not read from.
    if (out().bytes() > loop_->front().settings.max_outbound_bytes) connection_->pause();
    return;
  }
  try {
    const ports::SocketPtr socket = self();
    loop_->front().services->handler.on_frame({id(), identity_, socket}, text);
  } catch (const std::exception& problem) {
    base::log::error("frame_handler_failed", "a frame could not be handled",
                     {{"connectionId", id().str()}, {"reason", std::string_view(problem.what())}});
    if (state_ == State::open) fail(close_code::kInternalError, "internal error");
  }
}

void WebSocketSession::on_close_frame(const FrameEvent& event) {
  if (state_ == State::open) {
    leave(event.code, true);
    queue_close(event.code, {});
  }
  state_ = State::closed;
  connection_->finish();
}

/// RFC 6455 §7.1.7: the peer broke the protocol, its close frame is not waited for.
void WebSocketSession::fail(std::uint16_t code, std::string_view why) {
  if (state_ == State::open) {
    base::log::debug("websocket_failed", "a WebSocket broke the protocol",
                     {{"connectionId", id().str()}, {"code", code}, {"reason", why}});
    leave(code);
    queue_close(code, why);
  }
  state_ = State::closed;
  connection_->finish();
}

/// Receives nothing from here on; tells the handler, once.
void WebSocketSession::leave(std::uint16_t code, bool by_client) {
  if (state_ != State::open) return;
  loop_->front().websockets.fetch_sub(1, std::memory_order_relaxed);
  loop_->figures().connection_closed(code);
  base::log::debug("websocket_closed", "a WebSocket was closed",
                   {{"connectionId", id().str()}, {"code", code}});
  if (!registered_) return;
  registered_ = false;
  loop_->desk().shard().remove(*this);
  if (lane_) {
    std::vector<ports::DeliveryOutcome> changes;
    lane_->abandon(changes);
    loop_->desk().changed(std::move(changes));
    loop_->schedule_turn();
    lane_.reset();
  }
  try {
    loop_->front().services->handler.on_disconnect(id(), {code, by_client});
  } catch (const std::exception& problem) {
    base::log::error("disconnect_handler_failed", "a disconnect could not be handled",
                     {{"connectionId", id().str()}, {"reason", std::string_view(problem.what())}});
  }
}

bool WebSocketSession::send_now(std::string text) {
  if (!takes_frames()) return false;
  const std::size_t most = loop_->front().settings.max_outbound_bytes;
  // A burst within one turn fills the buffer of a client that reads well, as nothing is sent before its end.
  if (out().bytes() + text.size() > most && connection_) connection_->make_room();
  const std::size_t queued = out().bytes();
  if (queued > 0 && queued + text.size() > most) {
    close_slow();
    return false;
  }
  queue_frame(model::Opcode::text, text);
  if (connection_) connection_->flush_soon();
  return true;
}

bool WebSocketSession::send_in_order(std::string text) {
  if (!lane_) return send_now(std::move(text));
  close_slow();
  return false;
}

void WebSocketSession::close_now(std::uint16_t code, std::string_view reason) {
  if (state_ == State::pending) close_when_open_ = code;
  if (state_ != State::open) return;
  const auto alive = self();
  if (code == close_code::kTryAgainLater) loop_->figures().slow_consumers.add();
  leave(code);
  state_ = State::closing;
  queue_close(code, reason);
  closing_since_ = loop_->now();
}

void WebSocketSession::queue_frame(model::Opcode opcode, std::string_view payload) {
  std::string header;
  const bool message = opcode == model::Opcode::text || opcode == model::Opcode::binary;
  if (compression_ && message && payload.size() >= kWorthDeflating) {
    std::string deflated;
    deflate_message(payload, deflated);
    if (deflated.size() < payload.size()) {
      model::append_frame_header(header, opcode, deflated.size(), true);
      out().append(std::string_view(header));
      return out().append(std::move(deflated));
    }
  }
  model::append_frame_header(header, opcode, payload.size());
  out().append(std::string_view(header));
  out().append(payload);
}

void WebSocketSession::queue_close(std::uint16_t code, std::string_view reason) {
  std::string payload;
  if (code != close_code::kNoStatus) {
    payload += static_cast<char>(code >> 8);
    payload += static_cast<char>(code & 0xff);
    std::size_t size = std::min(reason.size(), kMaxReason);
    while (size < reason.size() && size > 0 && (static_cast<unsigned char>(reason[size]) & 0xc0) == 0x80)
      --size;
    payload += reason.substr(0, size);
  }
  queue_frame(model::Opcode::close, payload);
  connection_->flush_soon();
}

void WebSocketSession::before_flush() {
  if (!pong_due_ || state_ != State::open) return;
  pong_due_ = false;
  queue_frame(model::Opcode::pong, std::exchange(pong_, {}));
}

void WebSocketSession::on_drained() {
  if (pong_due_ && state_ == State::open) connection_->flush_soon();
  if (echo_ && connection_->paused()) connection_->resume();
}

void WebSocketSession::on_end_of_stream() {
  if (connection_) connection_->close();
}

void WebSocketSession::on_closed() {
  leave(close_code::kAbnormal);
  state_ = State::closed;
  connection_ = nullptr;
  if (!early_) early_ = std::make_unique<OutboundQueue>();
}

void WebSocketSession::on_sweep(base::Monotonic now) {
  const auto alive = self();
  if (state_ == State::closing && now - closing_since_ >= kCloseHandshake) {
    state_ = State::closed;
    if (connection_->blocked()) return connection_->close();
    return connection_->finish();
  }
  if (state_ == State::open) watch_heartbeat(now);
  if (state_ == State::open) watch_token();
}

void WebSocketSession::watch_heartbeat(base::Monotonic now) {
  const Settings& settings = loop_->front().settings;
  const auto silence = now - last_heard_;
  if (silence >= settings.heartbeat_timeout)
    return close_now(close_code::kHeartbeatTimeout, "no sign of life");
  if (silence < settings.heartbeat || now - last_ping_ < settings.heartbeat) return;
  last_ping_ = now;
  queue_frame(model::Opcode::ping, {});
  connection_->flush_soon();
}

void WebSocketSession::watch_token() {
  if (!identity_ || identity_->expires_at == 0) return;
  const base::EpochMs left = identity_->expires_at - loop_->front().timing.wall();
  if (left <= 0) return close_now(close_code::kTokenExpired, "token expired");
  if (left > kExpiryWarningMs || warned_of_expiry_) return;
  warned_of_expiry_ = true;
  send_now("{\"type\":\"tokenExpiring\",\"expiresAt\":" + std::to_string(identity_->expires_at) + "}");
}

void WebSocketSession::announce_reconnect(std::int64_t after_ms) {
  if (versioned_ && state_ == State::open)
    send_now("{\"type\":\"reconnect\",\"afterMs\":" + std::to_string(after_ms) + "}");
}

}  // namespace carillon::gateway
