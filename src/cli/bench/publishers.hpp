#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "cli/bench/driver.hpp"
#include "cli/bench/marker.hpp"
#include "cli/bench/socket.hpp"

namespace carillon::cli::bench {

/// A run of message numbers that left in one publish.
struct PublishedRange {
  std::uint32_t first = 0;
  std::uint32_t count = 1;
  std::uint64_t sent_ns = 0;
};

class AnswerHandler {
 public:
  virtual ~AnswerHandler() = default;
  /// One publish was answered; `refused` of its messages were not taken.
  virtual void on_answer(std::size_t publisher, const PublishedRange& range, std::size_t refused) = 0;
};

/// All publishing connections; publishes are pipelined on them. Their poller tags have kTag set.
class Publishers {
 public:
  static constexpr std::uint64_t kTag = std::uint64_t{1} << 32;

  Publishers(const Driver& driver, const MarkerCodec& codec, Poller& poller, ReadBuffer& buffer,
             AnswerHandler& handler);

  /// Connects, blocking. Errors: as begin_connect.
  Outcome<void> connect(const Endpoint& endpoint, std::size_t count, std::size_t content_bytes);
  /// Queues one publish of messages `range`, to `channels` one after another; flush() sends it.
  void publish(std::size_t publisher, const PublishedRange& range, std::span<const std::size_t> channels);
  void flush();
  void on_event(std::uint64_t tag, std::uint32_t events);

  std::size_t size() const { return publishers_.size(); }
  /// Why publishing ended, or what the first refusal said.
  const std::string& failure() const { return failure_; }
  const std::string& refusal() const { return refusal_; }

 private:
  struct Publisher {
    Descriptor fd;
    std::string out;
    std::size_t out_sent = 0;
    std::string kept;
    std::deque<PublishedRange> unanswered;
    std::size_t answers_to_skip = 0;
    bool waits_for_room = false;
  };

  void write(std::size_t number);
  void read(std::size_t number);

  const Driver& driver_;
  const MarkerCodec& codec_;
  Poller& poller_;
  ReadBuffer& buffer_;
  AnswerHandler& handler_;
  std::size_t content_bytes_ = 0;
  std::vector<Publisher> publishers_;
  std::vector<std::size_t> dirty_;
  std::vector<Item> items_;
  std::vector<Answer> answers_;
  std::string failure_;
  std::string refusal_;
};

}  // namespace carillon::cli::bench
