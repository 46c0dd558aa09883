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
    embedded::HistoryQuery query;
    query.target = model::Target::chat(argv[i]);
    query.newest_first = false;
    query.limit = 1000;
    while (true) {
      const auto page = (*store)->history(query);
      if (!page) return std::cerr << page.error().details() << '\n', 1;
      for (const auto& message : *page) {
        std::string line;
        model::append_event(line, *message, std::nullopt);
        std::cout << line << '\n';
      }
      if (page->empty()) break;
      query.from = page->back()->position + 1;
    }
    std::cout << R"({"type":"counter","chatId":")" << argv[i] << R"(","value":)"
              << (*store)->sequence(argv[i]).value() << "}\n";
  }
}
