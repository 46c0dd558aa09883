#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/message.hpp"

namespace carillon::bench {

/// How much history there is: `messages`, at positions from 1, spread over `chats` by chance.
struct Shape {
  std::uint64_t messages = 0;
  std::uint64_t chats = 0;
  bool operator==(const Shape&) const = default;
};

/// A source of chance that gives the same numbers every time. Source: splitmix64 (S. Vigna, public domain).
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// Below `bound`, which is not 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

 private:
  std::uint64_t state_;
};

std::uint64_t chat_of(const Shape& shape, model::Position position);
std::string chat_name(std::uint64_t chat);
/// Messages of each chat: the last sequence number that the shape gives out in it.
std::vector<std::uint64_t> messages_per_chat(const Shape& shape);

/// 128 bytes of letters and blanks that compression gains little on, in the JSON of a publisher.
std::string payload(std::string_view chat, std::uint64_t seed);

/// A fifo message to the chat from one of 1000 users.
model::MessagePtr make_message(std::string chat, model::Position position, model::SequenceNumber sequence,
                               base::EpochMs published_at);

/// The messages of a shape in the order of publication. Not thread-safe.
class Publications {
 public:
  /// The newest is of `newest`; each of the others 40 ms older than the next.
  Publications(Shape shape, base::EpochMs newest);
  bool done() const { return position_ >= shape_.messages; }
  std::vector<model::MessagePtr> next(std::size_t count);

 private:
  Shape shape_;
  base::EpochMs newest_;
  model::Position position_ = 0;
  std::vector<std::uint64_t> sequences_;
};

/// A directory that holds a shape twice, in a data directory of Carillon's and in a file of SQLite's.
struct Place {
  explicit Place(std::filesystem::path directory) : directory(std::move(directory)) {}
  std::filesystem::path data() const { return directory / "data"; }
  std::filesystem::path sqlite() const { return directory / "history.sqlite"; }
  /// What was filled in completely; nothing when that is not so, or so long ago that retention is near.
  std::optional<Shape> filled() const;
  void set_filled(const Shape& shape) const;

  std::filesystem::path directory;
};

/// Whose entries make every chat readable, and nothing else.
inline constexpr const char* kReader = "reader";

}  // namespace carillon::bench
