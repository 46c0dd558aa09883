// What the embedded store costs: processor time of all threads per message (RocksDB's background work
// included), and of single reads. The store lies in STORE_BENCH_DIR, or in the system's directory for
// temporary files.

#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "base/bytes.hpp"
#include "embedded/commit_writer.hpp"
#include "embedded/message_table.hpp"
#include "message_storage/message_storage.hpp"

namespace carillon {
namespace {

using embedded::CommitBatch;
using embedded::CommitWriter;
using embedded::Store;
using model::MessagePtr;
using model::Position;

constexpr std::size_t kChats = 1000;
constexpr std::size_t kContentBytes = 128;
constexpr base::EpochMs kWindow = 300'000;

double process_cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) {
    return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

/// A store in a directory of its own.
class Place {
 public:
  Place() {
    const char* given = std::getenv("STORE_BENCH_DIR");
    path_ = (given ? std::filesystem::path(given) : std::filesystem::temp_directory_path()) /
            ("carillon-bench-" + base::random_token(6));
    auto opened = Store::open(path_, {});
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().details().c_str());
      std::exit(1);
    }
    store = std::move(*opened);
  }
  ~Place() {
    store.reset();
    std::filesystem::remove_all(path_);
  }
  std::unique_ptr<Store> store;

 private:
  std::filesystem::path path_;
};

MessagePtr make_message(Position position) {
  auto message = std::make_shared<model::Message>();
  message->type = model::MessageType::fifo;
  message->target = model::Target::chat("chat-" + std::to_string(position * 2654435761u % kChats));
  message->group_id = message->target.id;
  message->event_type = "chat";
  message->payload = "{\"chatId\":\"" + message->target.id + "\",\"eventType\":\"chat\",\"content\":\"" +
                     std::string(kContentBytes, 'x') + "\"}";
  message->sender = model::UserId("user-" + std::to_string(position % 100));
  message->published_at = base::now_ms();
  message->id = model::MessageId::generate(message->published_at);
  message->position = position;
  message->sequence = position / kChats + 1;
  return message;
}

std::vector<MessagePtr> make_messages(Position first, std::size_t count) {
  std::vector<MessagePtr> messages;
  for (std::size_t i = 0; i < count; ++i) messages.push_back(make_message(first + i));
  return messages;
}

std::string deduplication_key(Position position) {
  return base::sha256(std::to_string(position));
}

void fill(CommitBatch& batch, const std::vector<MessagePtr>& messages, const std::vector<std::string>& keys) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const model::Message& message = *messages[i];
    batch.add_message(message);
    batch.set_sequence(message.target.id, *message.sequence);
    batch.add_deduplication(keys[i], {message.id, message.published_at, message.sequence, false},
                            message.published_at + kWindow);
  }
}

/// Messages, keys and their time are made outside of what is measured.
struct Input {
  std::vector<MessagePtr> messages;
  std::vector<std::string> keys;
  explicit Input(Position first, std::size_t count) : messages(make_messages(first, count)) {
    for (const MessagePtr& each : messages) keys.push_back(deduplication_key(each->position));
  }
};

/// Log record, sequence counter and deduplication entry, synced; through the writer thread.
void commit(benchmark::State& state) {
  const Place place;
  CommitWriter writer(*place.store, {});
  const auto count = static_cast<std::size_t>(state.range(0));
  Position position = 1;
  double cpu = 0;
  CommitBatch batch;
  for (auto _ : state) {
    state.PauseTiming();
    const Input input(position, count);
    position += count;
    state.ResumeTiming();
    const double start = process_cpu_us();
    fill(batch, input.messages, input.keys);
    std::promise<bool> done;
    writer.submit(std::move(batch), 1, [&](base::Result<void> outcome, CommitBatch back) {
      batch = std::move(back);
      done.set_value(outcome.has_value());
    });
    if (!done.get_future().get()) state.SkipWithError("commit failed");
    cpu += process_cpu_us() - start;
  }
  const auto messages = static_cast<double>(position - 1);
  state.counters["cpu_us/msg"] = cpu / messages;
  state.counters["msg/s"] = benchmark::Counter(messages, benchmark::Counter::kIsRate);
}
BENCHMARK(commit)->Arg(1)->Arg(16)->Arg(64)->Arg(1000)->UseRealTime()->MinTime(3);

/// Only what the bus loop does: encoding into the batch.
void encode(benchmark::State& state) {
  const Input input(1, 1000);
  CommitBatch batch;
  for (auto _ : state) {
    batch.clear();
    fill(batch, input.messages, input.keys);
    benchmark::DoNotOptimize(batch.bytes());
  }
  state.counters["us/msg"] = benchmark::Counter(static_cast<double>(state.iterations()) * 1e-3,
                                                benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(encode);

/// The storage thread alone: handed over in commits of the given size, as fast as it takes them.
void storage(benchmark::State& state) {
  const Place place;
  embedded::MessageTable table(*place.store);
  embedded::MessageLog log(*place.store);
  message_storage::MessageStorage worker(table, log, [](auto, auto) { std::abort(); });
  worker.start(0);
  constexpr std::size_t kRound = 8000;
  const auto count = static_cast<std::size_t>(state.range(0));
  Position position = 1;
  double cpu = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<std::vector<MessagePtr>> commits;
    for (std::size_t made = 0; made < kRound; made += count) {
      commits.push_back(make_messages(position, count));
      position += count;
    }
    state.ResumeTiming();
    const double start = process_cpu_us();
    for (auto& each : commits) worker.accept(std::move(each));
    std::promise<void> done;
    worker.when_stored(position - 1, [&](auto) { done.set_value(); });
    done.get_future().wait();
    cpu += process_cpu_us() - start;
  }
  const auto messages = static_cast<double>(position - 1);
  state.counters["cpu_us/msg"] = cpu / messages;
  state.counters["msg/s"] = benchmark::Counter(messages, benchmark::Counter::kIsRate);
}
BENCHMARK(storage)->Arg(16)->Arg(1000)->UseRealTime()->MinTime(3);

/// Commit and storage together, as a server does them.
void commit_and_store(benchmark::State& state) {
  const Place place;
  CommitWriter writer(*place.store, {});
  embedded::MessageTable table(*place.store);
  embedded::MessageLog log(*place.store);
  message_storage::MessageStorage worker(table, log, [](auto, auto) { std::abort(); });
  worker.start(0);
  const auto count = static_cast<std::size_t>(state.range(0));
  Position position = 1;
  double cpu = 0;
  CommitBatch batch;
  for (auto _ : state) {
    state.PauseTiming();
    const Input input(position, count);
    position += count;
    state.ResumeTiming();
    const double start = process_cpu_us();
    fill(batch, input.messages, input.keys);
    std::promise<void> done;
    writer.submit(std::move(batch), 1, [&](base::Result<void>, CommitBatch back) {
      batch = std::move(back);
      done.set_value();
    });
    done.get_future().wait();
    worker.accept(input.messages);
    cpu += process_cpu_us() - start;
  }
  const double start = process_cpu_us();
  std::promise<void> stored;
  worker.when_stored(position - 1, [&](auto) { stored.set_value(); });
  stored.get_future().wait();
  cpu += process_cpu_us() - start;
  const auto messages = static_cast<double>(position - 1);
  state.counters["cpu_us/msg"] = cpu / messages;
  state.counters["msg/s"] = benchmark::Counter(messages, benchmark::Counter::kIsRate);
}
BENCHMARK(commit_and_store)->Arg(64)->Arg(1000)->UseRealTime()->MinTime(5);

/// A key that nobody published, among a window's worth of others: in memory and on disk.
void deduplication_absent(benchmark::State& state) {
  const Place place;
  CommitBatch batch;
  const auto entries = static_cast<Position>(state.range(0));
  for (Position position = 1; position <= entries; ++position) {
    batch.add_deduplication(deduplication_key(position), {{}, base::now_ms(), position, false},
                            base::now_ms() + kWindow);
    if (position % 1000 == 0) (void)place.store->write_unsynced(batch, 1);
  }
  std::vector<std::string> keys;
  for (Position position = 0; position < 4096; ++position)
    keys.push_back(deduplication_key(1ull << 40 | position));
  std::size_t i = 0;
  const base::EpochMs now = base::now_ms();
  for (auto _ : state) benchmark::DoNotOptimize(place.store->deduplication(keys[i++ % keys.size()], now));
}
BENCHMARK(deduplication_absent)->Arg(100)->Arg(50'000)->Arg(1'000'000);

void newest_50(benchmark::State& state) {
  const Place place;
  CommitBatch batch;
  for (Position position = 1; position <= 500'000; position += 500) {
    batch.store_messages(make_messages(position, 500));
    (void)place.store->write_unsynced(batch, 1);
  }
  std::size_t chat = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        place.store->history({.target = model::Target::chat("chat-" + std::to_string(chat++ % kChats))}));
}
BENCHMARK(newest_50)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace carillon

BENCHMARK_MAIN();
