#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "history/dataset.hpp"
#include "history/sqlite_history.hpp"
#include "ports/message_history.hpp"

namespace carillon::embedded {
class Store;
}

namespace carillon::bench {

/// What is asked: the newest 50 of a chat; 100 sequence numbers in a row; 100 in 20 rows of 5, 10 apart.
enum class Kind { newest, sequences, gaps };
inline constexpr std::array kKinds{Kind::newest, Kind::sequences, Kind::gaps};
std::string_view name(Kind kind);

struct Question {
  Kind kind = Kind::newest;
  std::string chat;
  std::vector<ports::NumberRange> numbers;
};

/// Questions about chats and numbers by chance, the same ones every time. Not thread-safe.
class Questions {
 public:
  Questions(const Shape& shape, std::uint64_t seed)
      : shape_(shape), counts_(messages_per_chat(shape)), chance_(seed) {}
  Question next(Kind kind);

 private:
  Shape shape_;
  std::vector<std::uint64_t> counts_;
  Chance chance_;
};

/// `{"messages":[…],"count":N}`, as GET /messages answers.
void append_answer(std::string& out, std::span<const model::MessagePtr> messages);

/// The answer's text in `out`, which is emptied first. Only messages before position `before` (0: all) count
/// for the newest.
void answer(std::string& out, const embedded::Store& store, const Question& question, model::Position before);
void answer(std::string& out, SqliteHistory& sqlite, const Question& question, model::Position before);

}  // namespace carillon::bench
