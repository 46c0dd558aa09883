#include "embedded/local_history.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <pthread.h>

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

constexpr int kThreads = 2;
constexpr std::int64_t kRetryAfterMs = 1000;

base::Error overloaded(std::string details) {
  return model::retry_later(errors::kOverloaded, kRetryAfterMs, std::move(details));
}
std::unexpected<base::Error> stopped() {
  return model::fail(errors::kUnavailable, "history has stopped");
}

}  // namespace

/// The caller's completion, which counts among Limits::reads until it is gone.
template <typename T>
class LocalHistory::Answer {
 public:
  Answer(Completion<T> done, std::atomic<std::size_t>& reads) : done_(std::move(done)), reads_(&reads) {
    ++reads;
  }
  Answer(Answer&& other) noexcept
      : done_(std::move(other.done_)), reads_(std::exchange(other.reads_, nullptr)) {}
  Answer& operator=(Answer&&) = delete;
  ~Answer() {
    if (reads_) --*reads_;
  }
  void operator()(Result<T> result) { done_(std::move(result)); }
  void fail(const base::Error& error) { done_(std::unexpected(error)); }

 private:
  Completion<T> done_;
  std::atomic<std::size_t>* reads_;
};

template <typename T>
std::optional<LocalHistory::Answer<T>> LocalHistory::admit(Completion<T> done) {
  if (reads_ < limits_.reads) return Answer<T>(std::move(done), reads_);
  done(std::unexpected(overloaded("too many reads of history")));
  return std::nullopt;
}

LocalHistory::LocalHistory(const Store& store, message_storage::MessageStorage& storage,
                           LastPosition last_position, Describe describe)
    : LocalHistory(store, storage, std::move(last_position), std::move(describe), Limits()) {}

LocalHistory::LocalHistory(const Store& store, message_storage::MessageStorage& storage,
                           LastPosition last_position, Describe describe, Limits limits)
    : store_(store),
      storage_(storage),
      last_position_(std::move(last_position)),
      describe_(std::move(describe)),
      limits_(limits),
      io_(kThreads),
      work_(boost::asio::make_work_guard(io_)),
      timer_(io_) {
  for (int i = 0; i < kThreads; ++i)
    threads_.emplace_back([this, name = fmt::format("history-{}", i)] {
      pthread_setname_np(pthread_self(), name.c_str());
      io_.run();
    });
}

LocalHistory::~LocalHistory() {
  stop();
}

void LocalHistory::stop() {
  std::map<std::uint64_t, Waiting> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    waiting.swap(waiting_);
    timer_.cancel();
  }
  for (auto& [number, each] : waiting)
    boost::asio::post(io_, [next = std::move(each.next)]() mutable { next(stopped()); });
  work_.reset();
  for (std::thread& each : threads_) each.join();
}

void LocalHistory::begin(Step first) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      boost::asio::post(io_, [first = std::move(first)]() mutable { first({}); });
      return;
    }
  }
  first(stopped());
}

void LocalHistory::after_storage(Position position, Step next) {
  const auto number = hold(std::move(next));
  if (!number) return;
  storage_.when_stored(position, [this, number](Result<void> stored) {
    if (!stored && stored.error().is(errors::kOverloaded))
      stored = std::unexpected(overloaded(stored.error().details()));
    resume(*number, std::move(stored));
  });
  watch_deadlines();
}

std::optional<std::uint64_t> LocalHistory::hold(Step next) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      waiting_.try_emplace(waiting_.end(), ++last_number_, base::monotonic_now() + limits_.patience,
                           std::move(next));
      return last_number_;
    }
  }
  next(stopped());
  return std::nullopt;
}

void LocalHistory::resume(std::uint64_t number, Result<void> outcome) {
  Step next;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(number);
    if (found == waiting_.end()) return;
    next = std::move(found->second.next);
    waiting_.erase(found);
    // An error may come from below somebody's lock.
    if (!outcome || !io_.get_executor().running_in_this_thread()) {
      boost::asio::post(io_, [next = std::move(next), outcome = std::move(outcome)]() mutable {
        next(std::move(outcome));
      });
      return;
    }
  }
  next({});
}

void LocalHistory::watch_deadlines() {
  const std::lock_guard lock(mutex_);
  if (stopped_ || watching_ || waiting_.empty()) return;
  watching_ = true;
  timer_.expires_at(waiting_.begin()->second.deadline);
  timer_.async_wait([this](boost::system::error_code) { give_up_late(); });
}

void LocalHistory::give_up_late() {
  std::vector<Step> late;
  {
    const std::lock_guard lock(mutex_);
    watching_ = false;
    const base::Monotonic now = base::monotonic_now();
    while (!waiting_.empty() && waiting_.begin()->second.deadline <= now) {
      late.push_back(std::move(waiting_.begin()->second.next));
      waiting_.erase(waiting_.begin());
    }
  }
  watch_deadlines();
  for (Step& each : late) each(std::unexpected(overloaded("storage is behind")));
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
  auto answer = admit(std::move(done));
  if (!answer) return;
  begin([this, asking = std::move(asking), query = std::move(query),
         answer = std::move(*answer)](Result<void> begun) mutable {
    if (!begun) return answer.fail(begun.error());
    if (const auto allowed = check(*asking, query.target); !allowed) return answer.fail(allowed.error());
    after_storage(last_position_(), [this, asking = std::move(asking), query = std::move(query),
                                     answer = std::move(answer)](Result<void> stored) mutable {
      if (!stored) return answer.fail(stored.error());
      auto page = store_.history(query);
      // Asked behind the read: what was published after the right had gone is not in it.
      if (const auto allowed = check(*asking, query.target); !allowed) return answer.fail(allowed.error());
      answer(std::move(page));
    });
  });
}

void LocalHistory::sequences(IdentityPtr asking, std::string chat_id, std::vector<ports::NumberRange> numbers,
                             Completion<ports::SequencePage> done) {
  auto answer = admit(std::move(done));
  if (!answer) return;
  begin([this, asking = std::move(asking), chat = Target::chat(std::move(chat_id)),
         numbers = std::move(numbers), answer = std::move(*answer)](Result<void> begun) mutable {
    if (!begun) return answer.fail(begun.error());
    if (const auto allowed = check(*asking, chat); !allowed) return answer.fail(allowed.error());
    // In this order, and both from the store: what the counter counts lies before the log's end.
    const auto issued = store_.sequence(chat.id);
    if (!issued) return answer.fail(issued.error());
    const auto end = store_.log_end();
    if (!end) return answer.fail(end.error());
    after_storage(std::max(end->position, last_position_()),
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

void LocalHistory::message(IdentityPtr asking, MessageId id, Completion<MessagePtr> done) {
  auto answer = admit(std::move(done));
  if (!answer) return;
  begin([this, asking = std::move(asking), id, answer = std::move(*answer)](Result<void> begun) mutable {
    if (!begun) return answer.fail(begun.error());
    after_storage(last_position_(), [this, asking = std::move(asking), id,
                                     answer = std::move(answer)](Result<void> stored) mutable {
      if (!stored) return answer.fail(stored.error());
      answer(read_message(*asking, id));
    });
  });
}

Result<MessagePtr> LocalHistory::read_message(const Identity& asking, const MessageId& id) const {
  auto message = store_.message(id);
  if (!message) return message;
  // Without a message a right is looked up all the same: the work tells nobody whether there is one.
  const auto allowed = check(asking, *message ? (*message)->target : Target::chat(id.str()));
  const bool refused = !allowed && allowed.error().status() == 403;
  if (!allowed && !refused) return std::unexpected(allowed.error());
  if (!*message || refused) return model::fail(errors::kNotFound);
  return message;
}

void LocalHistory::trace(IdentityPtr asking, MessageId id, Completion<MessageTrace> done) {
  auto answer = admit(std::move(done));
  if (!answer) return;
  begin([this, asking = std::move(asking), id, answer = std::move(*answer)](Result<void> begun) mutable {
    if (!begun) return answer.fail(begun.error());
    after_storage(last_position_(), [this, asking = std::move(asking), id,
                                     answer = std::move(answer)](Result<void> stored) mutable {
      if (!stored) return answer.fail(stored.error());
      auto found = find_for_trace(*asking, id);
      if (!found) return answer.fail(found.error());
      describe(std::move(*found), std::move(answer));
    });
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

void LocalHistory::describe(MessageTrace found, Answer<MessageTrace> answer) {
  const MessagePtr message = found.message;
  const auto described = std::make_shared<Result<MessageTrace>>(std::move(found));
  const auto number = hold([described, answer = std::move(answer)](Result<void> resumed) mutable {
    if (!resumed) return answer.fail(resumed.error());
    answer(std::move(*described));
  });
  if (!number) return;
  describe_(message, [this, number, message, described, stored = (*described)->stored,
                      expired = (*described)->expired](Result<MessageTrace> trace) {
    if (trace) {
      trace->message = message;
      trace->stored = stored;
      trace->expired = expired;
    }
    *described = std::move(trace);
    resume(*number, {});
  });
  watch_deadlines();
}

}  // namespace carillon::embedded
