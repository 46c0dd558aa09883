#include "gateway/gateway_loop.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "gateway/close_code.hpp"
#include "gateway/http_session.hpp"
#include "gateway/websocket_session.hpp"

namespace carillon::gateway {
namespace {

constexpr std::size_t kScratchBytes = 128 * 1024;
constexpr int kAcceptsPerTurn = 64;
constexpr std::size_t kFlushesPerTurn = 1024;
constexpr std::size_t kRefusedAtOnce = 1024;  ///< connections over the limit that still get an answer
constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::milliseconds kQuickTick{20};  ///< while frames wait for a retry, or draining
constexpr std::int64_t kMinReconnectMs = 500;

std::int64_t random_below(std::int64_t limit) {
  std::uint64_t number = 0;
  base::random_bytes(reinterpret_cast<std::uint8_t*>(&number), sizeof(number));
  return static_cast<std::int64_t>(number % static_cast<std::uint64_t>(std::max<std::int64_t>(limit, 1)));
}

}  // namespace

GatewayLoop::GatewayLoop(std::shared_ptr<Front> front, ports::LoopIndex index)
    : front_(std::move(front)),
      index_(index),
      events_((front_->settings.internal ? "internal-" : "gateway-") + std::to_string(index)),
      poller_(events_.io()),
      timer_(events_.io()),
      scratch_(kScratchBytes) {}

GatewayLoop::~GatewayLoop() {
  if (listener_ >= 0) ::close(listener_);
}

void GatewayLoop::start(int listener) {
  listener_ = listener;
  accepting_ = poller_.add_level_triggered(listener, *this);
  poller_.start();
  schedule_tick();
  events_.start();
}

void GatewayLoop::stop() {
  events_.post([this] { close_all(); });
  events_.stop();
}

void GatewayLoop::on_events(std::uint32_t) {
  for (int i = 0; i < kAcceptsPerTurn; ++i)
    if (!accept_one()) return;
}

bool GatewayLoop::accept_one() {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  const int fd =
      ::accept4(listener_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    admit(fd, IpAddress::of(address));
    return true;
  }
  if (errno == EINTR || errno == ECONNABORTED) return true;
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    // The next tick tries again; until then those who wait stay in the backlog.
    base::log::warn("accept_failed", "no descriptor or memory for another connection", {{"errno", errno}});
    poller_.remove(listener_);
    accepting_ = false;
  }
  return false;
}

void GatewayLoop::admit(int fd, const IpAddress& peer) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  ConnectLimits& limits = front_->limits;
  std::optional<model::Error> refusal;
  bool counted = false;
  if (!limits.enter()) {
    refusal.emplace(model::errors::kOverloaded, "too many connections");
  } else if (!front_->proxies.contains(peer)) {
    counted = limits.enter(peer);
    if (!counted) refusal.emplace(model::errors::kTooManyConnections);
  }
  std::unique_ptr<Connection> connection;
  const bool hopeless = limits.connections() > front_->settings.max_connections + kRefusedAtOnce;
  try {
    if (!hopeless) connection = std::make_unique<Connection>(*this, fd, front_->tls(), peer);
  } catch (const std::bad_alloc&) {
    base::log::warn("accept_failed", "no memory for another connection");
  }
  if (!connection || !poller_.add(fd, *connection)) {
    if (!connection) ::close(fd);
    limits.leave();
    if (counted) limits.leave(peer);
    return;
  }
  if (counted) connection->count_for(peer);
  connection->set_protocol(std::make_shared<HttpSession>(*connection, std::move(refusal)));
  connection->index_ = static_cast<std::uint32_t>(connections_.size());
  connections_.push_back(std::move(connection));
}

void GatewayLoop::flush_soon(Connection& connection) {
  if (connection.dirty_at_ != Connection::kNowhere) return;
  connection.dirty_at_ = static_cast<std::uint32_t>(dirty_.size());
  dirty_.push_back(&connection);
  schedule_turn();
}

void GatewayLoop::again(Connection& connection) {
  if (connection.again_at_ != Connection::kNowhere) return;
  connection.again_at_ = static_cast<std::uint32_t>(again_.size());
  again_.push_back(&connection);
  if (std::exchange(again_scheduled_, true)) return;
  events_.at_end_of_turn([this] { continue_reading(); });
}

void GatewayLoop::remove(Connection& connection) {
  if (connection.dirty_at_ != Connection::kNowhere) dirty_[connection.dirty_at_] = nullptr;
  if (connection.again_at_ != Connection::kNowhere) again_[connection.again_at_] = nullptr;
  const std::uint32_t index = connection.index_;
  closed_.push_back(std::move(connections_[index]));
  if (index + 1 != connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index_ = index;
  }
  connections_.pop_back();
  front_->limits.leave();
  schedule_turn();
}

void GatewayLoop::schedule_turn() {
  if (std::exchange(turn_scheduled_, true)) return;
  events_.at_end_of_turn([this] { finish_turn(); });
}

void GatewayLoop::finish_turn() {
  turn_scheduled_ = false;
  flush_some();
  if (desk_.has_outcomes()) {
    auto outcomes = desk_.take_outcomes();
    if (front_->outcome_sink) front_->outcome_sink(index_, std::move(outcomes));
  }
  closed_.clear();
}

void GatewayLoop::flush_some() {
  std::size_t left = kFlushesPerTurn;
  for (; dirty_next_ < dirty_.size() && left > 0; ++dirty_next_) {
    Connection* const connection = std::exchange(dirty_[dirty_next_], nullptr);
    if (!connection) continue;
    connection->dirty_at_ = Connection::kNowhere;
    connection->flush();
    --left;
  }
  if (dirty_next_ == dirty_.size()) {
    dirty_.clear();
    dirty_next_ = 0;
    return;
  }
  if (dirty_next_ >= dirty_.size() / 2) {
    dirty_.erase(dirty_.begin(), dirty_.begin() + static_cast<std::ptrdiff_t>(dirty_next_));
    dirty_next_ = 0;
    for (std::uint32_t i = 0; i < dirty_.size(); ++i)
      if (dirty_[i]) dirty_[i]->dirty_at_ = i;
  }
  schedule_turn();
}

void GatewayLoop::continue_reading() {
  again_scheduled_ = false;
  const std::size_t count = again_.size();
  for (std::size_t i = 0; i < count; ++i) {
    Connection* const connection = std::exchange(again_[i], nullptr);
    if (!connection) continue;
    connection->again_at_ = Connection::kNowhere;
    connection->continue_reading();
  }
  again_.erase(again_.begin(), again_.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::uint32_t i = 0; i < again_.size(); ++i)
    if (again_[i]) again_[i]->again_at_ = i;
}

void GatewayLoop::schedule_tick() {
  const bool quick = desk_.watching() || drained_;
  tick_ = std::min(quick ? kQuickTick : kTick, std::max(front_->timing.sweep, std::chrono::milliseconds(1)));
  timer_.expires_after(tick_);
  figures_.due.expect(timer_.expiry());
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    figures_.lag.record(base::monotonic_now() - timer_.expiry());
    tick();
  });
}

void GatewayLoop::tick() {
  const base::Monotonic time = now();
  if (!accepting_ && listener_ >= 0) accepting_ = poller_.add_level_triggered(listener_, *this);
  desk_.retry_waiting(time);
  sweep(time);
  if (drained_) drain_some(time);
  schedule_tick();
}

/// Looks at as many connections as make one round per Timing::sweep.
void GatewayLoop::sweep(base::Monotonic time) {
  const auto period = static_cast<std::size_t>(std::max<std::int64_t>(front_->timing.sweep.count(), 1));
  std::size_t count = connections_.size() * static_cast<std::size_t>(tick_.count()) / period + 1;
  for (count = std::min(count, connections_.size()); count > 0 && !connections_.empty(); --count) {
    if (sweep_at_ >= connections_.size()) sweep_at_ = 0;
    Connection* const connection = connections_[sweep_at_].get();
    connection->sweep(time);
    if (sweep_at_ < connections_.size() && connections_[sweep_at_].get() == connection) ++sweep_at_;
  }
}

void GatewayLoop::drain(std::move_only_function<void()> done) {
  const base::Monotonic time = now();
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(front_->settings.drain);
  drained_ = std::move(done);
  drain_until_ = time + whole;
  std::vector<WebSocketSession*> sockets;
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    Protocol* const protocol = connections_[i]->protocol();
    if (WebSocketSession* const socket = protocol->websocket())
      sockets.push_back(socket);
    else
      protocol->on_drain();
  }
  // Closed over the first four fifths, so that close handshakes have time; back after up to twice as long.
  for (std::size_t i = sockets.size(); i > 0; --i) {
    WebSocketSession& socket = *sockets[i - 1];
    const auto after =
        whole * 4 / 5 * static_cast<std::int64_t>(i - 1) / static_cast<std::int64_t>(sockets.size());
    farewells_.push_back({time + after, socket.self()});
    socket.announce_reconnect(after.count() + kMinReconnectMs +
                              random_below(kMinReconnectMs + 2 * whole.count()));
  }
  drain_some(time);
}

void GatewayLoop::drain_some(base::Monotonic time) {
  while (!farewells_.empty() && farewells_.back().when <= time) {
    if (const auto socket = farewells_.back().session.lock())
      socket->close_now(close_code::kGoingAway, "draining");
    farewells_.pop_back();
  }
  const bool over = time >= drain_until_;
  if (!over && !std::ranges::all_of(connections_, [](const auto& each) { return each->idle(); })) return;
  auto done = std::exchange(drained_, nullptr);
  farewells_.clear();
  if (done) done();
}

void GatewayLoop::close_all() {
  if (listener_ >= 0) ::close(std::exchange(listener_, -1));
  timer_.cancel();
  figures_.due.stop();
  while (!connections_.empty()) {
    Connection& connection = *connections_.back();
    if (WebSocketSession* const socket = connection.protocol()->websocket()) {
      const auto alive = socket->self();
      socket->close_now(close_code::kGoingAway, "shutting down");
      connection.flush();
    }
    connection.close();
  }
  poller_.stop();
  dirty_.clear();
  again_.clear();
  closed_.clear();
}

}  // namespace carillon::gateway
