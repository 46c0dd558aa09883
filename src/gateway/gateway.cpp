#include "gateway/gateway.hpp"

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <utility>

#include <sched.h>
#include <unistd.h>

#include "base/log.hpp"
#include "gateway/front.hpp"
#include "gateway/gateway_loop.hpp"
#include "gateway/listening_socket.hpp"
#include "gateway/websocket_session.hpp"

namespace carillon::gateway {
namespace {

std::uint32_t usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof(cores), &cores) == 0)
    return static_cast<std::uint32_t>(std::max(CPU_COUNT(&cores), 1));
  return std::max(std::thread::hardware_concurrency(), 1u);
}

}  // namespace

Gateway::Gateway(Settings settings, Timing timing)
    : front_(std::make_shared<Front>(std::move(settings), std::move(timing))) {
  const std::uint32_t threads = front_->settings.threads;
  const std::uint32_t count = threads != 0 ? threads : usable_cores();
  for (ports::LoopIndex i = 0; i < count; ++i) loops_.push_back(std::make_shared<GatewayLoop>(front_, i));
}

Gateway::~Gateway() {
  stop();
}

void Gateway::start(Services services) {
  // OpenSSL writes with send(2) and no flags; a peer that went away must not end the process.
  std::signal(SIGPIPE, SIG_IGN);
  front_->routes = RouteTable(std::exchange(services.routes, {}), front_->settings.stage);
  front_->services.emplace(std::move(services));
  std::vector<int> listeners;
  try {
    check_free(front_->settings.listen);
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      listeners.push_back(listen_on(front_->settings.listen, port_));
      if (i == 0) port_ = port_of(listeners.front());
    }
  } catch (...) {
    for (const int listener : listeners) ::close(listener);
    throw;
  }
  for (const auto& loop : loops_) loop->figures().set_patterns(front_->routes.patterns().size());
  started_ = true;
  for (std::size_t i = 0; i < loops_.size(); ++i) loops_[i]->start(listeners[i]);
  const base::log::Fields where = {
      {"address", front_->settings.listen}, {"port", port_}, {"threads", loops_.size()}};
  if (front_->settings.internal)
    base::log::info("internal_listening", "the internal port answers", where);
  else
    base::log::info("gateway_listening", "the gateway accepts connections", where);
}

std::uint16_t Gateway::bound_port() const {
  return port_;
}

void Gateway::drain(std::move_only_function<void()> done) {
  if (front_->draining.exchange(true)) return;
  struct Countdown {
    std::atomic<std::size_t> loops;
    std::move_only_function<void()> done;
  };
  auto countdown = std::make_shared<Countdown>(loops_.size(), std::move(done));
  for (const auto& loop : loops_)
    loop->events().post([raw = loop.get(), countdown] {
      raw->drain([countdown] {
        if (--countdown->loops == 0 && countdown->done) countdown->done();
      });
    });
}

bool Gateway::draining() const {
  return front_->draining;
}

void Gateway::stop() {
  if (!started_ || std::exchange(stopped_, true)) return;
  front_->draining = true;
  for (const auto& loop : loops_) loop->stop();
}

bool Gateway::reload_tls() {
  return front_->reload_tls();
}

void Gateway::set_connects_per_second(double limit) {
  front_->limits.set_connects_per_second(limit);
}

std::size_t Gateway::connection_count() const {
  return front_->websockets.load(std::memory_order_relaxed);
}

void Gateway::collect(ports::MetricSet& into) const {
  if (!started_) return;
  std::vector<const LoopFigures*> figures;
  for (const auto& loop : loops_) figures.push_back(&loop->figures());
  LoopFigures::collect(figures, front_->routes.patterns(), into);
  for (const auto& loop : loops_) {
    loop->figures().authorizations.collect(into, "http");
    into.histogram("carillon_loop_lag_seconds", "How late the timers of event loops come by",
                   ports::HistogramUnit::microseconds, loop->figures().lag.snapshot(),
                   {{"loop", loop->events().name()}});
    loop->figures().due.collect(into, loop->events().name());
  }
  into.gauge("carillon_connections", "Live WebSockets", static_cast<double>(connection_count()));
  into.gauge("carillon_unsent_bytes", "Large HTTP answers that their readers have not taken yet",
             static_cast<double>(front_->unsent.used()));
  into.gauge("carillon_unfinished_bytes", "Messages and request bodies that are not complete yet",
             static_cast<double>(front_->unfinished.used()));
}

ports::LoopIndex Gateway::loop_count() const {
  return static_cast<ports::LoopIndex>(loops_.size());
}

void Gateway::set_outcome_sink(OutcomeSink sink) {
  front_->outcome_sink = std::move(sink);
}

void Gateway::deliver(ports::LoopIndex loop, std::vector<ports::DeliveryRunPtr> runs) {
  loops_[loop]->events().post([raw = loops_[loop].get(), runs = std::move(runs)] {
    raw->desk().deliver(runs);
    raw->schedule_turn();
  });
}

void Gateway::add_targets(ports::LoopIndex loop, const model::ConnectionId& connection,
                          std::vector<model::Target> targets) {
  loops_[loop]->events().post([raw = loops_[loop].get(), connection, targets = std::move(targets)] {
    raw->desk().add_targets(connection, targets);
  });
}

void Gateway::remove_targets(ports::LoopIndex loop, const model::ConnectionId& connection,
                             std::vector<model::Target> targets, std::vector<std::string> notices,
                             std::move_only_function<void()> done) {
  loops_[loop]->events().post([raw = loops_[loop].get(), connection, targets = std::move(targets),
                               notices = std::move(notices), done = std::move(done)]() mutable {
    raw->desk().remove_targets(connection, targets, std::move(notices));
    if (done) done();
  });
}

void Gateway::send(ports::LoopIndex loop, const model::ConnectionId& connection, std::string text,
                   std::move_only_function<void(bool taken)> done) {
  loops_[loop]->events().post(
      [raw = loops_[loop].get(), connection, text = std::move(text), done = std::move(done)]() mutable {
        WebSocketSession* const session = raw->desk().find(connection);
        done(session && session->self()->send_in_order(std::move(text)));
      });
}

void Gateway::close(ports::LoopIndex loop, const model::ConnectionId& connection, std::uint16_t code,
                    std::string reason) {
  loops_[loop]->events().post([raw = loops_[loop].get(), connection, code, reason = std::move(reason)] {
    if (WebSocketSession* const session = raw->desk().find(connection)) session->close_now(code, reason);
  });
}

void Gateway::run_on(ports::LoopIndex loop, std::move_only_function<void()> task) {
  loops_[loop]->events().post(std::move(task));
}

}  // namespace carillon::gateway
