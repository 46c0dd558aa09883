#include <future>
#include <unordered_map>

#include "bus/topic.hpp"
#include "embedded/commit_batch.hpp"
#include "embedded/message_table.hpp"
#include "history/commands.hpp"
#include "history/measuring.hpp"
#include "message_storage/message_storage.hpp"

namespace carillon::bench {
namespace {

using embedded::CommitBatch;
using embedded::Store;
using model::MessagePtr;

constexpr std::size_t kCommit = 64;
/// Handed over at once: what the storage thread keeps in memory, so that it does not read the log.
constexpr std::size_t kRound = 8000;

/// Goes on where the store's log ends, in the shape's chats.
class Continuation {
 public:
  Continuation(Store& store, const Shape& shape)
      : store_(store), shape_(shape), position_(need(store.log_end()).position), chance_(position_) {}

  /// Published as the bus does it: in the log, with their chats' counters, and settled but for storage.
  std::vector<MessagePtr> publish(std::size_t count) {
    std::vector<MessagePtr> made;
    for (std::size_t i = 0; i < count; ++i) made.push_back(make());
    for (const MessagePtr& each : made) {
      batch_.add_message(*each);
      batch_.set_sequence(each->target.id, *each->sequence);
    }
    for (const auto& queue : topics_.queues())
      if (queue.consumer != bus::Consumer::storage) batch_.set_cursor(queue.name, position_);
    need(store_.write_unsynced(batch_, store_.generation()));
    batch_.clear();
    return made;
  }
  model::Position position() const { return position_; }

 private:
  MessagePtr make() {
    const std::string chat = chat_name(chance_.below(shape_.chats));
    const auto [at, added] = sequences_.try_emplace(chat);
    if (added) at->second = need(store_.sequence(chat));
    return make_message(chat, ++position_, ++at->second, base::now_ms());
  }

  Store& store_;
  Shape shape_;
  model::Position position_;
  Chance chance_;
  bus::Topics topics_ = need(bus::Topics::create({}));
  std::unordered_map<std::string, model::SequenceNumber> sequences_;
  CommitBatch batch_;
};

}  // namespace

boost::json::object storing(const Wish& wish) {
  const auto store = need(Store::open(wish.place.data(), {}));
  embedded::MessageTable table(*store);
  embedded::MessageLog log(*store);
  message_storage::MessageStorage storage(table, log, [](auto, auto) { std::abort(); });
  Continuation continuation(*store, wish.shape);
  storage.start(continuation.position());
  settle();

  std::size_t stored = 0;
  std::chrono::duration<double> waited{};
  const double cpu_before = process_cpu_us() - thread_cpu_us();
  while (stored < wish.count) {
    const auto messages = continuation.publish(kRound);
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t at = 0; at < messages.size(); at += kCommit)
      storage.accept(
          {messages.begin() + static_cast<std::ptrdiff_t>(at),
           messages.begin() + static_cast<std::ptrdiff_t>(std::min(at + kCommit, messages.size()))});
    std::promise<base::Result<void>> done;
    storage.when_stored(continuation.position(), [&](auto outcome) { done.set_value(std::move(outcome)); });
    need(done.get_future().get());
    waited += std::chrono::steady_clock::now() - start;
    stored += messages.size();
  }
  settle();
  const double cpu = process_cpu_us() - thread_cpu_us() - cpu_before;
  storage.stop();
  return {{"messages", stored},
          {"perSecond", static_cast<double>(stored) / waited.count()},
          {"cpu", cpu / static_cast<double>(stored)},
          {"perSecondOfCpu", 1e6 * static_cast<double>(stored) / cpu},
          {"walBytes", store->sizes().wal_bytes}};
}

}  // namespace carillon::bench
