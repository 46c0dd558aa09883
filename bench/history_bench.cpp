// Reading history from a large store, beside SQLite that holds the same rows: history_bench COMMAND --dir DIR
// --messages N --chats N [--count N] [--rate N]. Prints one JSON object; `script/bench history` runs all
// commands and makes the table.

#include <charconv>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>

#include <boost/json/serialize.hpp>

#include "history/commands.hpp"

namespace {

using carillon::bench::Wish;

const std::map<std::string_view, boost::json::object (*)(const Wish&)> kCommands{
    {"fill", carillon::bench::fill},
    {"read", carillon::bench::read},
    {"publishing", carillon::bench::publishing},
    {"storing", carillon::bench::storing},
    {"permissions", carillon::bench::permissions}};

template <typename Number>
bool read_number(const char* text, Number& number) {
  const char* end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, number);
  return error == std::errc() && stopped == end && number > 0;
}

bool read_option(std::string_view name, const char* value, Wish& wish) {
  if (name == "--dir") {
    wish.place = carillon::bench::Place(value);
    return true;
  }
  if (name == "--messages") return read_number(value, wish.shape.messages);
  if (name == "--chats") return read_number(value, wish.shape.chats);
  if (name == "--count") return read_number(value, wish.count);
  return name == "--rate" && read_number(value, wish.rate);
}

int complain() {
  std::fputs(
      "history_bench fill|read|publishing|storing|permissions --dir DIR --messages N --chats N [--count N] "
      "[--rate N]\n",
      stderr);
  return 2;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2 || count % 2 != 0 || !kCommands.contains(arguments[1])) return complain();
  Wish wish;
  for (int i = 2; i + 1 < count; i += 2)
    if (!read_option(arguments[i], arguments[i + 1], wish)) return complain();
  if (wish.shape.messages == 0 || wish.shape.chats == 0) return complain();
  std::puts(boost::json::serialize(kCommands.at(arguments[1])(wish)).c_str());
}
