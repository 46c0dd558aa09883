#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "model/errors.hpp"
#include "model/identity.hpp"
#include "ports/completion.hpp"

namespace carillon::embedded {

/// Two threads on which people's reads of the store run (docs/decisions/0008), and how many of them may be
/// under way. Any thread; a read over the limits is refused on the caller's.
class ReadPool {
 public:
  struct Limits {
    std::size_t reads = 1000;                  ///< from the call to the answer; over it: overloaded
    std::size_t reads_per_user = 32;           ///< the same
    std::chrono::milliseconds patience{1000};  ///< from the call on, over it: overloaded
  };
  /// Goes on, or answers with the error. Runs once.
  using Step = std::move_only_function<void(base::Result<void>)>;
  using Ticket = std::pair<base::Monotonic, std::uint64_t>;  ///< the deadline, then by order of arrival

  /// Counts among Limits until it is gone.
  class Place {
   public:
    Place(ReadPool& pool, std::optional<model::UserId> user, base::Monotonic deadline)
        : pool_(&pool), user_(std::move(user)), deadline_(deadline) {}
    Place(Place&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)),
          user_(std::move(other.user_)),
          deadline_(other.deadline_) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (pool_) pool_->leave(user_);
    }
    base::Monotonic deadline() const { return deadline_; }

   private:
    ReadPool* pool_;
    std::optional<model::UserId> user_;
    base::Monotonic deadline_;
  };

  /// A caller's completion and its place. What the store says of a failure stays inside: it names files.
  template <typename T>
  class Answer {
   public:
    Answer(ports::Completion<T> done, Place place) : done_(std::move(done)), place_(std::move(place)) {}
    base::Monotonic deadline() const { return place_.deadline(); }
    void operator()(base::Result<T> result) {
      if (!result) return fail(result.error());
      // Whoever has the answer may ask again at once.
      {
        const Place over = std::move(place_);
      }
      done_(std::move(result));
    }
    void fail(const base::Error& error) {
      {
        const Place over = std::move(place_);
      }
      done_(std::unexpected(outward(error)));
    }

   private:
    ports::Completion<T> done_;
    Place place_;
  };

  explicit ReadPool(Limits limits);
  ~ReadPool();

  /// Answers whatever waits with `unavailable` and ends the threads. Further reads are refused.
  void stop();

  /// Nothing when there are too many reads, of all or of `user`; then `done` has that answer.
  template <typename T>
  std::optional<Answer<T>> admit(const std::optional<model::UserId>& user, ports::Completion<T> done) {
    auto place = enter(user);
    if (place) return Answer<T>(std::move(done), std::move(*place));
    done(std::unexpected(place.error()));
    return std::nullopt;
  }
  /// Runs the step on one of the threads.
  void begin(base::Monotonic deadline, Step first);
  /// Keeps the step until resume(), or its deadline; nothing when it was answered, as all has stopped.
  std::optional<Ticket> hold(base::Monotonic deadline, Step next);
  /// Runs the step that hold() kept: at once on one of the threads, otherwise there later.
  void resume(Ticket ticket, base::Result<void> outcome);
  /// To be called behind hold() when resume() did not come at once.
  void watch_deadlines();

  /// The whole of a read that waits for nothing: `read()` on one of the threads, its result to `done`.
  template <typename T, typename Read>
  void run(const std::optional<model::UserId>& user, ports::Completion<T> done, Read read) {
    auto answer = admit(user, std::move(done));
    if (!answer) return;
    const base::Monotonic deadline = answer->deadline();
    begin(deadline, [answer = std::move(*answer), read = std::move(read)](base::Result<void> begun) mutable {
      if (!begun) return answer.fail(begun.error());
      answer(read());
    });
  }

 private:
  static base::Error outward(const base::Error& error);
  base::Result<Place> enter(const std::optional<model::UserId>& user);
  void leave(const std::optional<model::UserId>& user);
  void post(base::Monotonic deadline, Step step, base::Result<void> outcome);
  void give_up_late();

  const Limits limits_;
  std::mutex places_mutex_;
  std::size_t reads_ = 0;
  std::unordered_map<std::string, std::size_t> reads_of_;  ///< by user, none of them 0

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::map<Ticket, Step> waiting_;
  std::uint64_t last_number_ = 0;
  boost::asio::steady_timer timer_;
  std::optional<base::Monotonic> armed_;  ///< when timer_ goes off
  std::vector<std::thread> threads_;
};

}  // namespace carillon::embedded
