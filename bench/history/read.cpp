#include "embedded/store.hpp"
#include "history/commands.hpp"
#include "history/measuring.hpp"
#include "history/questions.hpp"

namespace carillon::bench {
namespace {

constexpr std::size_t kCompared = 500;

/// How many questions are answered differently.
std::size_t differences(const embedded::Store& store, SqliteHistory& sqlite, const Shape& shape, Kind kind) {
  Questions questions(shape, 1);
  std::string ours, theirs;
  std::size_t different = 0;
  for (std::size_t i = 0; i < kCompared; ++i) {
    const Question question = questions.next(kind);
    answer(ours, store, question, shape.messages + 1);
    answer(theirs, sqlite, question, shape.messages + 1);
    different += ours != theirs;
  }
  return different;
}

template <typename Source>
boost::json::object time(Source& source, const Wish& wish, Kind kind) {
  Questions questions(wish.shape, 2);
  std::string text;
  return time_queries(wish.count, [&] { answer(text, source, questions.next(kind), 0); });
}

}  // namespace

boost::json::object read(const Wish& wish) {
  const auto store = need(embedded::Store::open(wish.place.data(), {}));
  SqliteHistory sqlite(wish.place.sqlite());
  settle();
  boost::json::object ours, theirs, different;
  for (const Kind kind : kKinds) {
    different[name(kind)] = differences(*store, sqlite, wish.shape, kind);
    ours[name(kind)] = time(*store, wish, kind);
    theirs[name(kind)] = time(sqlite, wish, kind);
  }
  return {{"carillon", ours}, {"sqlite", theirs}, {"different", different}};
}

}  // namespace carillon::bench
