#pragma once

#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace carillon::base {

/// One thread that runs one io_context, and an inbox through which other threads hand it work. Whatever
/// belongs to a loop is touched by its thread only, so it needs no lock.
class EventLoop {
 public:
  using Task = std::move_only_function<void()>;

  explicit EventLoop(std::string name);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  void start();
  /// Runs what was posted before, then ends the thread and joins it. Not from the loop itself.
  void stop();

  /// Hands `task` over; tasks of one thread run in the order posted. Any thread. Posting to a stopped loop
  /// drops the task. What another loop posts goes out together at the end of that loop's turn, with one
  /// lock and one wake-up: on a busy machine each wake-up may cost a switch of threads.
  void post(Task task);
  /// Runs `task` once the current turn's tasks are done. Loop only.
  void at_end_of_turn(Task task);

  bool is_current() const;
  boost::asio::io_context& io() { return io_; }
  const std::string& name() const { return name_; }

 private:
  /// What this loop has for another one, until the end of the turn.
  struct Outbox {
    EventLoop* to;
    std::vector<Task> tasks;
  };
  void deliver(std::span<Task> tasks);
  void send_outboxes();
  void drain();

  std::string name_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<Task> inbox_;
  bool stopped_ = false;
  std::vector<Task> turn_;
  std::vector<Task> end_of_turn_;
  std::vector<Outbox> outboxes_;
  std::vector<Task> spare_;  ///< memory for the next outbox
  bool sending_ = false;     ///< the outboxes are to be sent at the end of this turn
};

}  // namespace carillon::base
