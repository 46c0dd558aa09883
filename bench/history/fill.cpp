#include <future>

#include "bus/topic.hpp"
#include "embedded/commit_batch.hpp"
#include "embedded/store.hpp"
#include "history/commands.hpp"
#include "history/measuring.hpp"
#include "history/sqlite_history.hpp"

namespace carillon::bench {
namespace {

using embedded::CommitBatch;
using embedded::Store;

constexpr std::size_t kTransaction = 1000;
/// Of SQLite: as large as Carillon's write-ahead log may get.
constexpr int kCheckpointPages = 65'536;
constexpr std::size_t kChunk = 10 * kTransaction;

template <typename Each>
void in_transactions(const std::vector<model::MessagePtr>& messages, Each each) {
  const std::span<const model::MessagePtr> all(messages);
  for (std::size_t at = 0; at < all.size(); at += kTransaction)
    each(all.subspan(at, std::min(kTransaction, all.size() - at)));
}

void write(Store& store, CommitBatch& batch) {
  need(store.write_unsynced(batch, store.generation()));
  batch.clear();
}

/// What the server left behind that published all this and trimmed its log.
void complete(Store& store, const Shape& shape, const model::Message& newest) {
  CommitBatch batch;
  batch.add_message(newest);
  const auto topics = need(bus::Topics::create({}));
  for (const bus::QueueDefinition& queue : topics.queues()) batch.set_cursor(queue.name, newest.position);
  const auto counts = messages_per_chat(shape);
  for (std::uint64_t chat = 0; chat < shape.chats; ++chat) {
    const auto target = model::Target::chat(chat_name(chat));
    if (counts[chat] > 0) batch.set_sequence(target.id, counts[chat]);
    batch.put_permission(
        {model::UserId(kReader), target, model::Role::viewer, newest.published_at, model::UserId("bench")});
  }
  need(store.write_synced(batch, store.generation()));
}

void fill_both(const Place& place, const Shape& shape) {
  const auto store = need(Store::open(place.data(), {}));
  SqliteHistory sqlite(place.sqlite(), kCheckpointPages);
  Publications publications(shape, base::now_ms() - 60'000);
  CommitBatch batch;
  const auto start = std::chrono::steady_clock::now();
  auto chunk = publications.next(kChunk);
  std::uint64_t done = 0;
  while (true) {
    auto written = std::async(
        std::launch::async, [&] { in_transactions(chunk, [&](auto messages) { sqlite.insert(messages); }); });
    in_transactions(chunk, [&](auto messages) {
      batch.store_messages(messages);
      write(*store, batch);
    });
    auto next = publications.next(kChunk);
    written.get();
    done += chunk.size();
    if (done % (100 * kChunk) == 0 || next.empty()) {
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      fmt::print(stderr, "   {} of {} messages, {:.0f} s\n", done, shape.messages, seconds.count());
    }
    if (next.empty()) break;
    chunk = std::move(next);
  }
  complete(*store, shape, *chunk.back());
  sqlite.checkpoint();
  settle();
}

std::uint64_t bytes_below(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return std::filesystem::file_size(path);
  std::uint64_t bytes = 0;
  for (const auto& each : std::filesystem::recursive_directory_iterator(path))
    if (each.is_regular_file()) bytes += each.file_size();
  return bytes;
}

}  // namespace

boost::json::object fill(const Wish& wish) {
  const Place& place = wish.place;
  const bool reused = place.filled() == wish.shape;
  if (!reused) {
    std::filesystem::remove_all(place.directory);
    std::filesystem::create_directories(place.directory);
    fill_both(place, wish.shape);
    place.set_filled(wish.shape);
  }
  return {{"messages", wish.shape.messages},
          {"chats", wish.shape.chats},
          {"reused", reused},
          {"carillonBytes", bytes_below(place.data())},
          {"sqliteBytes", bytes_below(place.sqlite())}};
}

}  // namespace carillon::bench
