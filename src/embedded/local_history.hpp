#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "embedded/store.hpp"
#include "message_storage/message_storage.hpp"
#include "ports/message_history.hpp"

namespace carillon::embedded {

/// Reads of what was published, on two threads of their own (docs/decisions/0008). Roles are read from the
/// store, where a grant or revocation is before it is answered. Any thread; a read over the limits is refused
/// on the caller's.
class LocalHistory final : public ports::MessageHistory {
 public:
  /// The position of the newest message that may have been answered for. Any thread.
  using LastPosition = std::function<model::Position()>;
  /// Finds what became of a message: all of MessageTrace but `message`, `stored` and `expired`. Any thread;
  /// answers on any.
  using Describe = std::function<void(model::MessagePtr, ports::Completion<ports::MessageTrace>)>;
  struct Limits {
    std::size_t reads = 1000;  ///< from the call to the answer; over it: overloaded
    std::chrono::milliseconds patience{1000};
  };

  /// `store` and `storage` outlive it, and `storage` has stopped when it goes.
  LocalHistory(const Store& store, message_storage::MessageStorage& storage, LastPosition last_position,
               Describe describe);
  LocalHistory(const Store& store, message_storage::MessageStorage& storage, LastPosition last_position,
               Describe describe, Limits limits);
  ~LocalHistory() override;

  /// Answers whatever waits with `unavailable` and ends the threads. Further reads are refused.
  void stop();

  void page(model::IdentityPtr asking, ports::HistoryQuery query,
            ports::Completion<ports::HistoryPage> done) override;
  void sequences(model::IdentityPtr asking, std::string chat_id, std::vector<ports::NumberRange> numbers,
                 ports::Completion<ports::SequencePage> done) override;
  void message(model::IdentityPtr asking, model::MessageId id,
               ports::Completion<model::MessagePtr> done) override;
  void trace(model::IdentityPtr asking, model::MessageId id,
             ports::Completion<ports::MessageTrace> done) override;
  const std::string& token_secret() const override { return store_.token_secret(); }

 private:
  /// Goes on, or answers with the error. Runs once.
  using Step = std::move_only_function<void(base::Result<void>)>;
  struct Waiting {
    base::Monotonic deadline;
    Step next;
  };
  template <typename T>
  class Answer;

  /// Nothing when there are too many reads; then `done` has that answer.
  template <typename T>
  std::optional<Answer<T>> admit(ports::Completion<T> done);
  /// Runs the step on one of the threads.
  void begin(Step first);
  /// Runs the step once everything up to `position` is stored, at once if it is: on one of the threads.
  void after_storage(model::Position position, Step next);
  /// Keeps the step until resume(), or its deadline; nothing when it was answered, as all has stopped.
  std::optional<std::uint64_t> hold(Step next);
  void resume(std::uint64_t number, base::Result<void> outcome);
  void watch_deadlines();
  void give_up_late();

  /// Errors: no_*_access, the same whether the target exists or not; the store's.
  base::Result<void> check(const model::Identity& asking, const model::Target& target) const;
  base::Result<model::MessagePtr> read_message(const model::Identity& asking,
                                               const model::MessageId& id) const;
  /// `message`, `stored` and `expired` of a trace. Errors: not_found; the store's.
  base::Result<ports::MessageTrace> find_for_trace(const model::Identity& asking,
                                                   const model::MessageId& id) const;
  void describe(ports::MessageTrace found, Answer<ports::MessageTrace> answer);

  const Store& store_;
  message_storage::MessageStorage& storage_;
  LastPosition last_position_;
  Describe describe_;
  const Limits limits_;
  std::atomic<std::size_t> reads_{0};

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::map<std::uint64_t, Waiting> waiting_;  ///< by order of arrival, so by deadline too
  std::uint64_t last_number_ = 0;
  boost::asio::steady_timer timer_;  ///< runs while something waits
  bool watching_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace carillon::embedded
