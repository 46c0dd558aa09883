// Prints the messages of a stopped server's message table as JSON lines, one per target's history, and the
// chat counters: what the crash tests compare with what was answered.
//   store_dump DATA_DIRECTORY CHAT_ID...
#include <iostream>

#include "embedded/store.hpp"

int main(int argc, char** argv) {
  using namespace carillon;
  if (argc < 3) return std::cerr << "store_dump DATA_DIRECTORY CHAT_ID...\n", 2;
  auto store = embedded::Store::open(argv[1], {});
  if (!store) return std::cerr << store.error().details() << '\n', 1;
  for (int i = 2; i < argc; ++i) {
    ports::HistoryQuery query{.target = model::Target::chat(argv[i]), .oldest_first = true, .limit = 1000};
    for (bool more = true; more;) {
      const auto page = (*store)->history(query);
      if (!page) return std::cerr << page.error().details() << '\n', 1;
      for (const auto& message : page->messages) {
        std::string line;
        model::append_event(line, *message, std::nullopt);
        std::cout << line << '\n';
        query.after = message->position;
      }
      more = page->more;
    }
    std::cout << R"({"type":"counter","chatId":")" << argv[i] << R"(","value":)"
              << (*store)->sequence(argv[i]).value() << "}\n";
  }
}
