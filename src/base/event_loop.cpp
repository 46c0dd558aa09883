#include "base/event_loop.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <pthread.h>

namespace carillon::base {
namespace {

thread_local EventLoop* current_loop = nullptr;

}  // namespace

bool EventLoop::is_current() const {
  return current_loop == this;
}

EventLoop::EventLoop(std::string name) : name_(std::move(name)), work_(boost::asio::make_work_guard(io_)) {}

EventLoop::~EventLoop() {
  stop();
}

void EventLoop::start() {
  thread_ = std::thread([this] {
    current_loop = this;
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    io_.run();
  });
}

void EventLoop::stop() {
  if (!thread_.joinable()) return;
  assert(!is_current());
  post([this] {
    at_end_of_turn([this] {
      {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
      }
      work_.reset();
      io_.stop();
    });
  });
  thread_.join();
}

void EventLoop::post(Task task) {
  if (!current_loop || current_loop == this) return deliver({&task, 1});
  EventLoop& from = *current_loop;
  auto outbox = std::ranges::find(from.outboxes_, this, &Outbox::to);
  if (outbox == from.outboxes_.end()) outbox = from.outboxes_.insert(outbox, {this, {}});
  outbox->tasks.push_back(std::move(task));
  if (std::exchange(from.sending_, true)) return;
  from.at_end_of_turn([&from] { from.send_outboxes(); });
}

void EventLoop::deliver(std::span<Task> tasks) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    const bool waking = inbox_.empty();
    std::ranges::move(tasks, std::back_inserter(inbox_));
    if (!waking) return;
  }
  boost::asio::post(io_, [this] { drain(); });
}

void EventLoop::send_outboxes() {
  sending_ = false;
  // A task that a stopped loop drops may post from its destructor: outboxes_ may grow meanwhile.
  for (std::size_t i = 0; i < outboxes_.size(); ++i) {
    std::vector<Task> tasks = std::exchange(outboxes_[i].tasks, std::move(spare_));
    if (!tasks.empty()) outboxes_[i].to->deliver(tasks);
    tasks.clear();
    spare_ = std::move(tasks);
  }
}

void EventLoop::at_end_of_turn(Task task) {
  end_of_turn_.push_back(std::move(task));
  if (end_of_turn_.size() > 1) return;
  boost::asio::post(io_, [this] {
    std::vector<Task> tasks;
    tasks.swap(end_of_turn_);
    for (Task& each : tasks) each();
  });
}

void EventLoop::drain() {
  {
    const std::lock_guard lock(mutex_);
    turn_.swap(inbox_);
  }
  for (Task& task : turn_) task();
  turn_.clear();
}

}  // namespace carillon::base
