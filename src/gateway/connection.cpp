#include "gateway/connection.hpp"

#include <sys/epoll.h>

#include "base/log.hpp"
#include "gateway/gateway_loop.hpp"

namespace carillon::gateway {
namespace {

constexpr std::size_t kReadPerTurn = 256 * 1024;
constexpr std::chrono::seconds kLinger{2};

}  // namespace

Connection::Connection(GatewayLoop& loop, int fd, const TlsContext& tls, const IpAddress& peer)
    : loop_(loop), transport_(fd, tls), peer_(peer) {}

Connection::~Connection() {
  if (counted_for_) loop_.front().limits.leave(*counted_for_);
}

void Connection::set_protocol(std::shared_ptr<Protocol> protocol) {
  protocol_ = std::move(protocol);
  is_websocket_ = protocol_->websocket() != nullptr;
}

void Connection::on_events(std::uint32_t events) {
  if (closed()) return;
  const bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0 || failed) readable_ = true;
  if (((events & EPOLLRDHUP) != 0 || failed) && !std::exchange(hung_up_, true)) protocol_->on_hang_up();
  // Under TLS either direction may have waited for the other.
  if (transport_.secure()) readable_ = true;
  if (blocked_ && ((events & EPOLLOUT) != 0 || failed || transport_.secure())) {
    blocked_ = false;
    flush_soon();
  }
  read();
}

void Connection::read() {
  std::size_t budget = kReadPerTurn;
  while (readable_ && !paused_ && !closed() && again_at_ == kNowhere) {
    if (budget == 0) return again();
    const std::span<char> room = loop_.scratch().first(std::min(loop_.scratch().size(), budget));
    const Transport::Read result = transport_.read(room);
    budget -= result.bytes;
    const bool drained = !transport_.secure() && result.bytes < room.size() && !hung_up_;
    if (result.status == Transport::Status::blocked || drained) readable_ = false;
    if (result.bytes > 0) deliver(room.first(result.bytes));
    if (closed()) return;
    if (result.status == Transport::Status::failed) return close();
    if (result.status == Transport::Status::ended) {
      readable_ = false;
      if (lingering_) return close();
      if (!finishing_) protocol_->on_end_of_stream();
      return;
    }
  }
}

void Connection::deliver(std::span<char> bytes) {
  if (finishing_) return;
  if (!unread_.empty()) {
    unread_.append(bytes.data(), bytes.size());
    return deliver_unread();
  }
  const std::shared_ptr<Protocol> protocol = protocol_;
  const std::size_t used = protocol->on_bytes(bytes);
  if (used < bytes.size() && !closed() && !finishing_)
    unread_.assign(bytes.data() + used, bytes.size() - used);
}

void Connection::deliver_unread() {
  if (finishing_ || unread_.empty()) return;
  const std::shared_ptr<Protocol> protocol = protocol_;
  const std::size_t used = protocol->on_bytes(std::span(unread_).subspan(unread_at_));
  if (closed()) return;
  unread_at_ += static_cast<std::uint32_t>(used);
  if (unread_at_ == unread_.size() || finishing_) {
    std::string().swap(unread_);
    unread_at_ = 0;
  } else if (unread_at_ > unread_.size() / 2) {
    unread_.erase(0, unread_at_);
    unread_at_ = 0;
  }
}

void Connection::continue_reading() {
  if (closed()) return;
  if (!paused_) deliver_unread();
  read();
}

void Connection::resume() {
  paused_ = false;
  again();
}

void Connection::again() {
  if (!closed()) loop_.again(*this);
}

void Connection::flush_soon() {
  if (!closed()) loop_.flush_soon(*this);
}

void Connection::flush() {
  if (closed()) return;
  const std::shared_ptr<Protocol> protocol = protocol_;
  if (!blocked_) {
    protocol->before_flush();
    const std::size_t before = out_.bytes();
    const Transport::Status status = send_queued();
    if (status == Transport::Status::failed) return close();
    blocked_ = status == Transport::Status::blocked;
    if (blocked_ && (out_.bytes() < before || waiting_since_ == base::Monotonic{}))
      waiting_since_ = loop_.now();
  }
  account(out_.bytes());
  if (!out_.empty()) return;
  waiting_since_ = {};
  if (finishing_) {
    if (!lingering_) start_lingering();
    return;
  }
  protocol->on_drained();
}

Transport::Status Connection::send_queued() {
  const std::size_t before = out_.bytes();
  const Transport::Status status = transport_.write(out_);
  if (is_websocket_) loop_.figures().bytes_sent.add(before - out_.bytes());
  return status;
}

/// Once a flush, and not where frames are queued: what the socket takes at once was never waiting.
void Connection::account(std::size_t queued) {
  if (!is_websocket_) return;
  loop_.figures().outbound_bytes.change(accounted_, queued);
  accounted_ = queued;
}

void Connection::make_room() {
  if (closed() || blocked_ || out_.empty()) return;
  const Transport::Status status = send_queued();
  blocked_ = status == Transport::Status::blocked;
  if (blocked_) waiting_since_ = loop_.now();
  flush_soon();
}

void Connection::finish() {
  if (finishing_ || closed()) return;
  finishing_ = true;
  paused_ = false;
  std::string().swap(unread_);
  unread_at_ = 0;
  waiting_since_ = loop_.now();
  flush_soon();
}

void Connection::start_lingering() {
  lingering_ = true;
  waiting_since_ = loop_.now();
  transport_.shutdown_write();
  // What is there already need not be waited for, nor an end that came before.
  if (hung_up_) readable_ = true;
  again();
}

void Connection::close() {
  if (closed()) return;
  transport_.close();
  out_.clear();
  account(0);
  std::string().swap(unread_);
  const std::shared_ptr<Protocol> protocol = std::move(protocol_);
  loop_.remove(*this);
  if (protocol) protocol->on_closed();
}

void Connection::sweep(base::Monotonic now) {
  if (lingering_ && now - waiting_since_ >= kLinger) return close();
  const std::chrono::seconds patience = loop_.front().settings.heartbeat_timeout;
  if ((blocked_ || finishing_) && waiting_since_ != base::Monotonic{} && now - waiting_since_ >= patience) {
    base::log::debug("connection_stalled", "a peer takes no bytes", {{"sourceAddress", peer_.str()}});
    return close();
  }
  if (!finishing_ && protocol_) protocol_->on_sweep(now);
}

}  // namespace carillon::gateway
