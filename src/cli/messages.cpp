#include "cli/messages.hpp"

#include <algorithm>

#include "cli/message_follower.hpp"
#include "cli/message_printer.hpp"

namespace carillon::cli {
namespace {

constexpr std::size_t kMaxPage = 1000;

QueryParameters page_parameters(const MessagesOptions& options, bool oldest_first, std::size_t limit,
                                const std::string& start_key) {
  QueryParameters parameters = target_parameters(options);
  parameters.emplace_back("limit", std::to_string(std::min(limit, kMaxPage)));
  parameters.emplace_back("order", oldest_first ? "asc" : "");
  parameters.emplace_back("fromTimestamp", options.from);
  parameters.emplace_back("toTimestamp", options.to);
  parameters.emplace_back("startKey", start_key);
  return parameters;
}

/// Page by page, so that a history of any length needs the memory of one page.
int print_from_the_oldest(const MessagesOptions& options, MessagePrinter& printer, Console& console) {
  std::string next;
  std::size_t left = options.all ? std::string::npos : options.limit;
  do {
    const auto page = read_history(options.client, page_parameters(options, true, left, next), console);
    if (!page) return explain_history_failure(options.client, page.error(), console);
    printer.print(page->items);
    left -= std::min(left, page->items.size());
    next = page->items.empty() ? std::string() : page->next_token;
  } while (left > 0 && !next.empty() && console.out);
  return 0;
}

int print_numbers(const MessagesOptions& options, MessagePrinter& printer, Console& console) {
  QueryParameters parameters = target_parameters(options);
  parameters.emplace_back("sequences", options.sequences);
  const auto answer = read_history(options.client, parameters, console);
  if (!answer) return explain_history_failure(options.client, answer.error(), console);
  printer.print_numbers(*answer);
  return 0;
}

int print_newest(const MessagesOptions& options, MessagePrinter& printer, Console& console) {
  const auto items = read_newest(options, console);
  if (!items) return explain_history_failure(options.client, items.error(), console);
  printer.print(*items);
  return 0;
}

}  // namespace

QueryParameters target_parameters(const MessagesOptions& options) {
  if (options.target.empty()) return {{"chatId", options.chat}};
  const std::size_t colon = options.target.find(':');
  if (colon == std::string::npos) return {{"targetClass", options.target}};
  return {{"targetClass", options.target.substr(0, colon)}, {"targetId", options.target.substr(colon + 1)}};
}

std::expected<std::vector<HistoryItem>, HistoryFailure> read_newest(const MessagesOptions& options,
                                                                    Console& console) {
  std::vector<HistoryItem> items;
  std::string next;
  do {
    auto page = read_history(options.client,
                             page_parameters(options, false, options.limit - items.size(), next), console);
    if (!page) return std::unexpected(page.error());
    next = page->items.empty() ? std::string() : page->next_token;
    std::ranges::move(page->items, std::back_inserter(items));
  } while (items.size() < options.limit && !next.empty());
  std::ranges::reverse(items);
  return items;
}

int messages(const MessagesOptions& options, Console& console) {
  MessagePrinter printer(console.out, {.json = options.client.json, .columns = options.columns});
  if (options.follow) return MessageFollower(options, console, printer).run();
  const int status = !options.sequences.empty()            ? print_numbers(options, printer, console)
                     : options.all || options.oldest_first ? print_from_the_oldest(options, printer, console)
                                                           : print_newest(options, printer, console);
  if (status == 0 && !printer.any() && !options.client.json) console.out << "no messages\n";
  return status;
}

}  // namespace carillon::cli
