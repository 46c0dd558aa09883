#include "history/questions.hpp"

#include <limits>

#include "embedded/store.hpp"
#include "history/measuring.hpp"

namespace carillon::bench {
namespace {

constexpr std::size_t kNewest = 50;
constexpr std::uint64_t kNumbers = 100;
constexpr std::uint64_t kInARow = 5;
constexpr std::uint64_t kApart = 10;
constexpr std::uint64_t kSpread = kNumbers / kInARow * (kInARow + kApart);

void append_end(std::string& out, std::size_t count) {
  fmt::format_to(std::back_inserter(out), "],\"count\":{}}}", count);
}

}  // namespace

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::newest:
      return "newest";
    case Kind::sequences:
      return "sequences";
    case Kind::gaps:
      return "gaps";
  }
  return "unknown";
}

Question Questions::next(Kind kind) {
  const std::uint64_t chat = chance_.below(shape_.chats);
  Question question{kind, chat_name(chat), {}};
  if (kind == Kind::newest) return question;
  const std::uint64_t span = kind == Kind::sequences ? kNumbers : kSpread;
  const std::uint64_t count = counts_[chat];
  const model::SequenceNumber first = 1 + chance_.below(count > span ? count - span + 1 : 1);
  if (kind == Kind::sequences) {
    question.numbers.push_back({first, first + kNumbers - 1});
    return question;
  }
  for (std::uint64_t row = 0; row < kNumbers / kInARow; ++row) {
    const model::SequenceNumber start = first + row * (kInARow + kApart);
    question.numbers.push_back({start, start + kInARow - 1});
  }
  return question;
}

void append_answer(std::string& out, std::span<const model::MessagePtr> messages) {
  out += "{\"messages\":[";
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i > 0) out += ',';
    model::append_event(out, *messages[i], std::nullopt);
  }
  append_end(out, messages.size());
}

void answer(std::string& out, const embedded::Store& store, const Question& question,
            model::Position before) {
  out.clear();
  if (question.kind == Kind::newest) {
    const auto page = need(
        store.history({.target = model::Target::chat(question.chat), .after = before, .limit = kNewest}));
    return append_answer(out, page.messages);
  }
  const auto issued = need(store.sequence(question.chat));
  append_answer(out, need(store.sequences(question.chat, question.numbers, issued)).messages);
}

void answer(std::string& out, SqliteHistory& sqlite, const Question& question, model::Position before) {
  out.assign("{\"messages\":[");
  const model::Position end = before == 0 ? std::numeric_limits<std::int64_t>::max() : before;
  const std::size_t count = question.kind == Kind::newest
                                ? sqlite.newest(out, question.chat, end, kNewest)
                                : sqlite.sequences(out, question.chat, question.numbers);
  append_end(out, count);
}

}  // namespace carillon::bench
