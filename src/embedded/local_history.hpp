#pragma once

#include <functional>
#include <string>
#include <vector>

#include "embedded/local_trace.hpp"
#include "embedded/read_pool.hpp"
#include "embedded/store.hpp"
#include "message_storage/message_storage.hpp"
#include "ports/message_history.hpp"

namespace carillon::embedded {

/// Reads of what was published, on a ReadPool of its own, which lets nobody read more than its limits. Roles
/// are read from the store, where a grant or revocation is before it is answered. Any thread.
class LocalHistory final : public ports::MessageHistory {
 public:
  /// The position of the newest message that may have been answered for. Any thread.
  using LastPosition = std::function<model::Position()>;
  /// LocalTrace::describe().
  using Describe = std::function<void(model::MessagePtr, ports::Completion<LocalTrace::Rest>)>;

  /// `store` and `storage` outlive it, and `storage` has stopped when it goes.
  LocalHistory(const Store& store, message_storage::MessageStorage& storage, LastPosition last_position,
               Describe describe, ReadPool::Limits limits = {});

  /// Answers whatever waits with `unavailable` and ends the threads. Further reads are refused.
  void stop() { pool_.stop(); }
  /// For other reads of the store that people ask for.
  ReadPool& pool() { return pool_; }

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
  /// Runs the step once everything up to `position` is stored, at once if it is: on one of the threads.
  void after_storage(base::Monotonic deadline, model::Position position, ReadPool::Step next);
  /// Runs `read(answer)` on the pool once all that was answered before is stored.
  template <typename T, typename Read>
  void after_what_was_answered(const model::UserId& asking, ports::Completion<T> done, Read read);

  /// Errors: no_*_access, the same whether the target exists or not; the store's.
  base::Result<void> check(const model::Identity& asking, const model::Target& target) const;
  base::Result<model::MessagePtr> read_message(const model::Identity& asking,
                                               const model::MessageId& id) const;
  /// `message`, `stored` and `expired` of a trace. Errors: not_found; the store's.
  base::Result<ports::MessageTrace> find_for_trace(const model::Identity& asking,
                                                   const model::MessageId& id) const;
  void describe(ports::MessageTrace found, ReadPool::Answer<ports::MessageTrace> answer);

  const Store& store_;
  message_storage::MessageStorage& storage_;
  LastPosition last_position_;
  Describe describe_;
  ReadPool pool_;
};

}  // namespace carillon::embedded
