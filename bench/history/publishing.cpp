#include <atomic>
#include <future>
#include <semaphore>
#include <thread>
#include <unordered_map>

#include "embedded/local_node.hpp"
#include "history/commands.hpp"
#include "history/measuring.hpp"
#include "history/questions.hpp"

namespace carillon::bench {
namespace {

using model::MessagePtr;

/// No sockets: what is published is stored, and delivered to nobody.
class NoSockets final : public ports::ConnectionGateway {
 public:
  ports::LoopIndex loop_count() const override { return 1; }
  void set_outcome_sink(OutcomeSink) override {}
  void deliver(ports::LoopIndex, std::vector<ports::DeliveryRunPtr>) override {}
  void add_targets(ports::LoopIndex, const model::ConnectionId&, std::vector<model::Target>) override {}
  void remove_targets(ports::LoopIndex, const model::ConnectionId&, std::vector<model::Target>,
                      std::vector<std::string>, std::move_only_function<void()> done) override {
    done();
  }
  void send(ports::LoopIndex, const model::ConnectionId&, std::string,
            std::move_only_function<void(bool)> done) override {
    done(true);
  }
  void close(ports::LoopIndex, const model::ConnectionId&, std::uint16_t, std::string) override {}
  void run_on(ports::LoopIndex, std::move_only_function<void()> task) override { task(); }
};

class NoHttp final : public ports::HttpClient {
 public:
  void send(ports::OutboundRequest, ports::Completion<ports::OutboundResponse> done) override {
    done(base::fail(model::errors::kUnavailable));
  }
};

model::IdentityPtr identity(std::string user, bool admin) {
  auto identity = std::make_shared<model::Identity>();
  identity->user = model::UserId(std::move(user));
  identity->is_admin = admin;
  return identity;
}

/// Calls `step(count)` on a thread of its own with what has become due, every two milliseconds.
class Steadily {
 public:
  Steadily(double rate, std::function<void(std::size_t)> step)
      : start_(std::chrono::steady_clock::now()), thread_([this, rate, step = std::move(step)] {
          while (!ended_) {
            const auto due = static_cast<std::uint64_t>(rate * elapsed());
            if (due > done_) step(due - done_);
            done_ = due;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
          }
        }) {}
  ~Steadily() { end(); }
  /// Ends it; for how many seconds it went on.
  double end() {
    if (!thread_.joinable()) return 0;
    const double seconds = elapsed();
    ended_ = true;
    thread_.join();
    return seconds;
  }

 private:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  std::chrono::steady_clock::time_point start_;
  std::atomic<bool> ended_{false};
  std::uint64_t done_ = 0;
  std::thread thread_;
};

/// Asks and makes the answer's text where the history completes; the time until then.
std::uint64_t ask(ports::MessageHistory& history, const model::IdentityPtr& asking, Question question) {
  std::binary_semaphore answered(0);
  std::uint64_t nanos = 0;
  std::string text;
  const auto start = std::chrono::steady_clock::now();
  const auto finish = [&](auto result) {
    append_answer(text, need(std::move(result)).messages);
    nanos = static_cast<std::uint64_t>((std::chrono::steady_clock::now() - start).count());
    answered.release();
  };
  if (question.kind == Kind::newest)
    history.page(asking, {.target = model::Target::chat(std::move(question.chat))}, finish);
  else
    history.sequences(asking, std::move(question.chat), std::move(question.numbers), finish);
  answered.acquire();
  return nanos;
}

boost::json::object ask_all(embedded::LocalNode& node, const Wish& wish, bool with_cpu) {
  const auto asking = identity(kReader, false);
  boost::json::object figures;
  for (const Kind kind : kKinds) {
    Questions questions(wish.shape, 4);
    for (std::size_t i = 0; i < wish.count / 10; ++i) ask(node.history(), asking, questions.next(kind));
    std::vector<std::uint64_t> nanos;
    const double cpu = process_cpu_us();
    while (nanos.size() < wish.count) nanos.push_back(ask(node.history(), asking, questions.next(kind)));
    figures[name(kind)] = summary(std::move(nanos), with_cpu ? process_cpu_us() - cpu : 0);
  }
  return figures;
}

/// Publishes to the shape's chats, as a backend would.
class Publisher {
 public:
  Publisher(embedded::LocalNode& node, const Shape& shape) : node_(node), shape_(shape) {}
  void publish(std::size_t count) {
    for (; count > 0; --count) {
      const std::string chat = chat_name(chance_.below(shape_.chats));
      ports::Publication publication;
      publication.type = model::MessageType::fifo;
      publication.target = model::Target::chat(chat);
      publication.group_id = chat;
      publication.event_type = "chat";
      publication.payload = payload(chat, chance_.next());
      publication.identity = backend_;
      publication.sender = backend_->user;
      node_.message_bus().publish(std::move(publication),
                                  [this](auto receipt) { ++(receipt ? published_ : refused_); });
    }
  }
  std::uint64_t published() const { return published_; }
  std::uint64_t refused() const { return refused_; }

 private:
  embedded::LocalNode& node_;
  Shape shape_;
  Chance chance_{static_cast<std::uint64_t>(base::now_ms())};
  model::IdentityPtr backend_ = identity("bench", true);
  std::atomic<std::uint64_t> published_{0}, refused_{0};
};

boost::json::object read_node(const Wish& wish) {
  NoSockets sockets;
  NoHttp http;
  const auto node = need(embedded::LocalNode::open({.directory = wish.place.data()}, {}, sockets, http));
  settle();
  boost::json::object figures{{"atRest", ask_all(*node, wish, true)}};
  Publisher publisher(*node, wish.shape);
  Steadily steadily(wish.rate, [&](std::size_t count) { publisher.publish(count); });
  figures["publishing"] = ask_all(*node, wish, false);
  const double seconds = steadily.end();
  node->stop();
  figures["perSecond"] = static_cast<double>(publisher.published()) / seconds;
  figures["refused"] = publisher.refused();
  return figures;
}

/// Writes to the shape's chats over a connection of its own, in one transaction for what is due.
class SqliteWriter {
 public:
  SqliteWriter(const Place& place, const Shape& shape) : sqlite_(place.sqlite()), shape_(shape) {}
  void write(std::size_t count) {
    std::vector<MessagePtr> messages;
    while (messages.size() < count) messages.push_back(make());
    sqlite_.insert(messages);
    written_ += count;
  }
  std::uint64_t written() const { return written_; }

 private:
  MessagePtr make() {
    const std::string chat = chat_name(chance_.below(shape_.chats));
    const auto [at, added] = sequences_.try_emplace(chat);
    if (added) at->second = sqlite_.last_sequence(chat);
    return make_message(chat, ++position_, ++at->second, base::now_ms());
  }

  SqliteHistory sqlite_;
  Shape shape_;
  Chance chance_{static_cast<std::uint64_t>(base::now_ms())};
  /// Above every position of the shape and of what an earlier run wrote.
  model::Position position_ = static_cast<model::Position>(base::now_ms()) * 1000;
  std::unordered_map<std::string, model::SequenceNumber> sequences_;
  std::uint64_t written_ = 0;
};

boost::json::object read_sqlite(const Wish& wish) {
  SqliteHistory sqlite(wish.place.sqlite());
  SqliteWriter writer(wish.place, wish.shape);
  Steadily steadily(wish.rate, [&](std::size_t count) { writer.write(count); });
  boost::json::object figures;
  for (const Kind kind : kKinds) {
    Questions questions(wish.shape, 4);
    std::string text;
    figures[name(kind)] = time_queries(wish.count, [&] { answer(text, sqlite, questions.next(kind), 0); });
  }
  const double seconds = steadily.end();
  return {{"publishing", figures}, {"perSecond", static_cast<double>(writer.written()) / seconds}};
}

}  // namespace

boost::json::object publishing(const Wish& wish) {
  return {{"carillon", read_node(wish)}, {"sqlite", read_sqlite(wish)}};
}

}  // namespace carillon::bench
