#include "embedded/read_pool.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <pthread.h>

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using base::Result;
using model::UserId;

constexpr int kThreads = 2;
constexpr std::int64_t kRetryAfterMs = 1000;

base::Error overloaded(std::string details) {
  return model::retry_later(errors::kOverloaded, kRetryAfterMs, std::move(details));
}
std::unexpected<base::Error> stopped() {
  return model::fail(errors::kUnavailable);
}

}  // namespace

ReadPool::ReadPool(Limits limits)
    : limits_(limits), io_(kThreads), work_(boost::asio::make_work_guard(io_)), timer_(io_) {
  for (int i = 0; i < kThreads; ++i)
    threads_.emplace_back([this, name = fmt::format("history-{}", i)] {
      pthread_setname_np(pthread_self(), name.c_str());
      io_.run();
    });
}

ReadPool::~ReadPool() {
  stop();
}

void ReadPool::stop() {
  std::map<Ticket, Step> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    waiting.swap(waiting_);
    timer_.cancel();
  }
  for (auto& [ticket, next] : waiting)
    boost::asio::post(io_, [next = std::move(next)]() mutable { next(stopped()); });
  work_.reset();
  for (std::thread& each : threads_) each.join();
}

base::Error ReadPool::outward(const base::Error& error) {
  const bool of_the_store = error.status() >= 500 && !error.is(errors::kOverloaded);
  return of_the_store ? base::Error(error.entry()).with_retry_after_ms(error.retry_after_ms()) : error;
}

Result<ReadPool::Place> ReadPool::enter(const std::optional<UserId>& user) {
  const auto refuse = [] { return std::unexpected(overloaded("too many reads of history")); };
  const std::lock_guard lock(places_mutex_);
  if (reads_ >= limits_.reads) return refuse();
  if (user) {
    const auto of_user = reads_of_.try_emplace(user->str(), 0).first;
    if (of_user->second >= limits_.reads_per_user) return refuse();
    ++of_user->second;
  }
  ++reads_;
  return Place(*this, user, base::monotonic_now() + limits_.patience);
}

void ReadPool::leave(const std::optional<UserId>& user) {
  const std::lock_guard lock(places_mutex_);
  --reads_;
  if (!user) return;
  const auto of_user = reads_of_.find(user->str());
  if (--of_user->second == 0) reads_of_.erase(of_user);
}

void ReadPool::post(base::Monotonic deadline, Step step, Result<void> outcome) {
  boost::asio::post(io_, [deadline, step = std::move(step), outcome = std::move(outcome)]() mutable {
    if (outcome && base::monotonic_now() >= deadline)
      outcome = std::unexpected(overloaded("too many reads wait"));
    step(std::move(outcome));
  });
}

void ReadPool::begin(base::Monotonic deadline, Step first) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) return post(deadline, std::move(first), {});
  }
  first(stopped());
}

std::optional<ReadPool::Ticket> ReadPool::hold(base::Monotonic deadline, Step next) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) return waiting_.try_emplace({deadline, ++last_number_}, std::move(next)).first->first;
  }
  next(stopped());
  return std::nullopt;
}

void ReadPool::resume(Ticket ticket, Result<void> outcome) {
  if (!outcome && outcome.error().is(errors::kOverloaded))
    outcome = std::unexpected(overloaded(outcome.error().details()));
  Step next;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(ticket);
    if (found == waiting_.end()) return;
    next = std::move(found->second);
    waiting_.erase(found);
    // An error may come from below somebody's lock.
    if (!outcome || !io_.get_executor().running_in_this_thread())
      return post(ticket.first, std::move(next), std::move(outcome));
  }
  next({});
}

void ReadPool::watch_deadlines() {
  const std::lock_guard lock(mutex_);
  if (stopped_ || waiting_.empty()) return;
  const base::Monotonic deadline = waiting_.begin()->first.first;
  if (armed_ && *armed_ <= deadline) return;
  armed_ = deadline;
  timer_.expires_at(deadline);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) give_up_late();
  });
}

void ReadPool::give_up_late() {
  std::vector<Step> late;
  {
    const std::lock_guard lock(mutex_);
    armed_.reset();
    const base::Monotonic now = base::monotonic_now();
    while (!waiting_.empty() && waiting_.begin()->first.first <= now) {
      late.push_back(std::move(waiting_.begin()->second));
      waiting_.erase(waiting_.begin());
    }
  }
  watch_deadlines();
  for (Step& each : late) each(std::unexpected(overloaded("storage is behind")));
}

}  // namespace carillon::embedded
