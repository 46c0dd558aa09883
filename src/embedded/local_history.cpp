#include "embedded/local_history.hpp"

#include "model/access_errors.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using base::Result;
using model::Identity;
using model::IdentityPtr;
using model::MessageId;
using model::MessagePtr;
using model::Position;
using model::Target;
using model::TargetClass;
using ports::Completion;
using ports::MessageTrace;

/// What is damaged is there for operators only: to anybody else, absent, forbidden and damaged are the same.
bool conceals(const Identity& asking, const base::Error& error) {
  return !asking.is_admin && error.is(kStoreCorrupt);
}

}  // namespace

LocalHistory::LocalHistory(const Store& store, message_storage::MessageStorage& storage,
                           LastPosition last_position, Describe describe, ReadPool::Limits limits)
    : store_(store),
      storage_(storage),
      last_position_(std::move(last_position)),
      describe_(std::move(describe)),
      pool_(limits) {}

void LocalHistory::after_storage(base::Monotonic deadline, Position position, ReadPool::Step next) {
  const auto ticket = pool_.hold(deadline, std::move(next));
  if (!ticket) return;
  storage_.when_stored(position,
                       [this, ticket](Result<void> stored) { pool_.resume(*ticket, std::move(stored)); });
  pool_.watch_deadlines();
}

Result<void> LocalHistory::check(const Identity& asking, const Target& target) const {
  bool allowed = asking.is_admin;
  switch (target.target_class) {
    case TargetClass::all:
      break;
    case TargetClass::user:
      allowed = allowed || target.id == asking.user.str();
      break;
    case TargetClass::org:
    case TargetClass::hub:
    case TargetClass::project:
    case TargetClass::chat:
      allowed = allowed || asking.claims(target);
      if (allowed) break;
      const auto entry = store_.permission(asking.user, target);
      if (!entry) return std::unexpected(entry.error());
      allowed = *entry && (*entry)->role >= model::Role::viewer;
  }
  if (!allowed) return model::fail(model::no_access_to(target.target_class));
  return {};
}

void LocalHistory::page(IdentityPtr asking, ports::HistoryQuery query, Completion<ports::HistoryPage> done) {
  auto answer = pool_.admit(asking->user, std::move(done));
  if (!answer) return;
  const base::Monotonic deadline = answer->deadline();
  pool_.begin(deadline, [this, deadline, asking = std::move(asking), query = std::move(query),
                         answer = std::move(*answer)](Result<void> begun) mutable {
    if (!begun) return answer.fail(begun.error());
    if (const auto allowed = check(*asking, query.target); !allowed) return answer.fail(allowed.error());
    after_storage(deadline, last_position_(),
                  [this, asking = std::move(asking), query = std::move(query),
                   answer = std::move(answer)](Result<void> stored) mutable {
                    if (!stored) return answer.fail(stored.error());
                    auto page = store_.history(query);
                    // Asked behind the read: what was published after the right had gone is not in it.
                    if (const auto allowed = check(*asking, query.target); !allowed)
                      return answer.fail(allowed.error());
                    answer(std::move(page));
                  });
  });
}

void LocalHistory::sequences(IdentityPtr asking, std::string chat_id, std::vector<ports::NumberRange> numbers,
                             Completion<ports::SequencePage> done) {
  auto answer = pool_.admit(asking->user, std::move(done));
  if (!answer) return;
  const base::Monotonic deadline = answer->deadline();
  pool_.begin(
      deadline, [this, deadline, asking = std::move(asking), chat = Target::chat(std::move(chat_id)),
                 numbers = std::move(numbers), answer = std::move(*answer)](Result<void> begun) mutable {
        if (!begun) return answer.fail(begun.error());
        if (const auto allowed = check(*asking, chat); !allowed) return answer.fail(allowed.error());
        // In this order, and both from the store: what the counter counts lies before the log's end.
        const auto issued = store_.sequence(chat.id);
        if (!issued) return answer.fail(issued.error());
        const auto end = store_.log_end();
        if (!end) return answer.fail(end.error());
        after_storage(deadline, std::max(end->position, last_position_()),
                      [this, asking = std::move(asking), chat = std::move(chat), numbers = std::move(numbers),
                       issued = *issued, answer = std::move(answer)](Result<void> stored) mutable {
                        if (!stored) return answer.fail(stored.error());
                        auto page = store_.sequences(chat.id, numbers, issued);
                        if (const auto allowed = check(*asking, chat); !allowed)
                          return answer.fail(allowed.error());
                        answer(std::move(page));
                      });
      });
}

template <typename T, typename Read>
void LocalHistory::after_what_was_answered(const model::UserId& asking, Completion<T> done, Read read) {
  auto answer = pool_.admit(asking, std::move(done));
  if (!answer) return;
  const base::Monotonic deadline = answer->deadline();
  pool_.begin(deadline, [this, deadline, read = std::move(read),
                         answer = std::move(*answer)](Result<void> begun) mutable {
    if (!begun) return answer.fail(begun.error());
    after_storage(deadline, last_position_(),
                  [read = std::move(read), answer = std::move(answer)](Result<void> stored) mutable {
                    if (!stored) return answer.fail(stored.error());
                    read(std::move(answer));
                  });
  });
}

void LocalHistory::message(IdentityPtr asking, MessageId id, Completion<MessagePtr> done) {
  after_what_was_answered(
      asking->user, std::move(done),
      [this, asking, id](ReadPool::Answer<MessagePtr> answer) { answer(read_message(*asking, id)); });
}

Result<MessagePtr> LocalHistory::read_message(const Identity& asking, const MessageId& id) const {
  auto message = store_.message(id);
  if (!message && !conceals(asking, message.error())) return message;
  const bool found = message && *message;
  // Without a message a right is looked up all the same: the work tells nobody whether there is one.
  const auto allowed = check(asking, found ? (*message)->target : Target::chat(id.str()));
  const bool refused = !allowed && (allowed.error().status() == 403 || conceals(asking, allowed.error()));
  if (!allowed && !refused) return std::unexpected(allowed.error());
  if (!found || refused) return model::fail(errors::kNotFound);
  return message;
}

void LocalHistory::trace(IdentityPtr asking, MessageId id, Completion<MessageTrace> done) {
  after_what_was_answered(asking->user, std::move(done),
                          [this, asking, id](ReadPool::Answer<MessageTrace> answer) {
                            auto found = find_for_trace(*asking, id);
                            if (!found && conceals(*asking, found.error()))
                              found = model::fail(errors::kNotFound);
                            if (!found) return answer.fail(found.error());
                            describe(std::move(*found), std::move(answer));
                          });
}

Result<MessageTrace> LocalHistory::find_for_trace(const Identity& asking, const MessageId& id) const {
  auto found = store_.find_message(id);
  if (!found) return std::unexpected(std::move(found.error()));
  MessageTrace trace;
  trace.stored = found->message != nullptr;
  trace.expired = found->expired;
  trace.message = std::move(found->message);
  if (!trace.message) {
    const auto letter = store_.dead_letter(message_storage::kDeadLetterQueue, id);
    if (!letter) return std::unexpected(letter.error());
    if (*letter) trace.message = (*letter)->message;
  }
  if (!trace.message || !(asking.is_admin || trace.message->sender == asking.user))
    return model::fail(errors::kNotFound);
  return trace;
}

void LocalHistory::describe(MessageTrace found, ReadPool::Answer<MessageTrace> answer) {
  const MessagePtr message = found.message;
  const base::Monotonic deadline = answer.deadline();
  const auto rest = std::make_shared<Result<LocalTrace::Rest>>();
  const auto ticket = pool_.hold(
      deadline, [rest, found = std::move(found), answer = std::move(answer)](Result<void> resumed) mutable {
        if (!resumed) return answer.fail(resumed.error());
        if (!*rest) return answer.fail(rest->error());
        auto trace = (**rest)();
        if (!trace) return answer.fail(trace.error());
        trace->message = std::move(found.message);
        trace->stored = found.stored;
        trace->expired = found.expired;
        answer(std::move(trace));
      });
  if (!ticket) return;
  describe_(message, [this, ticket, rest](Result<LocalTrace::Rest> looked) {
    *rest = std::move(looked);
    pool_.resume(*ticket, {});
  });
  pool_.watch_deadlines();
}

}  // namespace carillon::embedded
