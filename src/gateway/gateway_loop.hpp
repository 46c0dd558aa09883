#pragma once

#include <memory>
#include <span>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "gateway/connection.hpp"
#include "gateway/delivery_desk.hpp"
#include "gateway/front.hpp"
#include "gateway/loop_figures.hpp"
#include "gateway/poller.hpp"

namespace carillon::gateway {

/// One thread of the gateway: its listening socket, its connections and what is delivered to them. All but
/// events() and run() belong to the loop's thread.
class GatewayLoop final : public std::enable_shared_from_this<GatewayLoop>, private PollTarget {
 public:
  GatewayLoop(std::shared_ptr<Front> front, ports::LoopIndex index);
  ~GatewayLoop();

  base::EventLoop& events() { return events_; }
  /// At once when called on the loop, posted otherwise.
  template <typename Task>
  void run(Task&& task) {
    if (events_.is_current())
      task();
    else
      events_.post(std::forward<Task>(task));
  }

  /// Starts the thread; accepts from `listener`, which it takes over.
  void start(int listener);
  /// Closes everything and joins the thread. Not on the loop.
  void stop();
  /// See Gateway::drain; `done` runs on the loop.
  void drain(std::move_only_function<void()> done);

  Front& front() { return *front_; }
  ports::LoopIndex index() const { return index_; }
  DeliveryDesk& desk() { return desk_; }
  LoopFigures& figures() { return figures_; }
  base::Monotonic now() const { return front_->timing.monotonic(); }

  // For connections:
  std::span<char> scratch() { return scratch_; }
  void flush_soon(Connection& connection);
  void again(Connection& connection);
  void remove(Connection& connection);
  /// Something is to be reported or freed when the turn ends.
  void schedule_turn();

 private:
  void on_events(std::uint32_t events) override;
  bool accept_one();
  void admit(int fd, const IpAddress& peer);
  void finish_turn();
  void continue_reading();
  void schedule_tick();
  void tick();
  void sweep(base::Monotonic now);
  void drain_some(base::Monotonic now);
  void flush_some();
  void close_all();

  std::shared_ptr<Front> front_;
  const ports::LoopIndex index_;
  base::EventLoop events_;
  Poller poller_;
  boost::asio::steady_timer timer_;
  DeliveryDesk desk_;
  LoopFigures figures_;
  std::vector<char> scratch_;
  int listener_ = -1;
  bool accepting_ = false;

  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> closed_;  ///< until the turn ends
  std::vector<Connection*> dirty_;                   ///< to be flushed; null: done, or closed since
  std::size_t dirty_next_ = 0;
  std::vector<Connection*> again_;
  bool turn_scheduled_ = false;
  bool again_scheduled_ = false;
  std::size_t sweep_at_ = 0;
  std::chrono::milliseconds tick_{0};

  struct Farewell {
    base::Monotonic when;
    std::weak_ptr<WebSocketSession> session;
  };
  std::vector<Farewell> farewells_;  ///< latest first
  std::move_only_function<void()> drained_;
  base::Monotonic drain_until_{};
};

}  // namespace carillon::gateway
