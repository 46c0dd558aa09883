#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/message.hpp"

namespace carillon::message_storage {

/// How far MessageStorageQueue is: what to take next, what failed and when it is tried again, and up to where
/// everything is settled. Decides only; time is passed in. One thread.
class StorageProgress {
 public:
  struct Policy {
    int max_attempts = 3;
    std::chrono::milliseconds retry_base{200};
  };
  /// A message that the table did not take.
  struct Failing {
    model::MessagePtr message;
    int attempts = 0;
    std::string reason;
    base::Monotonic due;
    bool handed_over = false;  ///< to its dead letter queue, no answer yet
  };
  static constexpr std::chrono::milliseconds kLongestPause{5000};

  explicit StorageProgress(Policy policy) : policy_(policy) {}

  /// Starts over behind `cursor`; `settled` are marks of single positions above it.
  void resume(model::Position cursor, const std::vector<model::Position>& settled);

  model::Position next() const { return next_; }
  /// Goes on at `position`, when there is nothing before it.
  void skip_to(model::Position position);
  /// Takes the next message; false when it is none of this queue's, or settled already.
  bool take(const model::Message& message, std::string_view queue);

  void stored(model::Position position) { failing_.erase(position); }
  void failed(const model::MessagePtr& message, std::string reason, base::Monotonic now);
  /// Messages to try again now, and messages that had their attempts.
  std::vector<model::MessagePtr> due_again(base::Monotonic now) const;
  std::vector<Failing> take_exhausted(base::Monotonic now);
  /// The dead letter queue has it, or would not take it yet.
  void buried(model::Position position);
  void not_buried(model::Position position, base::Monotonic now);
  std::size_t failing() const { return failing_.size(); }
  const model::MessagePtr* first_failing() const {
    return failing_.empty() ? nullptr : &failing_.begin()->second.message;
  }
  /// When something is due next.
  std::optional<base::Monotonic> next_due() const;

  /// Everything up to here is settled, once `storing` (ascending, taken before) is stored.
  model::Position cursor_after(const std::vector<model::MessagePtr>& storing) const;
  model::Position cursor() const { return cursor_after({}); }
  /// Marks that a cursor at `position` makes superfluous; forget_marks once that is written.
  std::vector<model::Position> marks_up_to(model::Position position) const;
  void forget_marks(model::Position position);

 private:
  Policy policy_;
  model::Position next_ = 1;
  std::map<model::Position, Failing> failing_;
  std::set<model::Position> marks_;
};

}  // namespace carillon::message_storage
