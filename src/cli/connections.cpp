#include "cli/connections.hpp"

namespace carillon::cli {
namespace {

std::string joined(const boost::json::value& connection, std::string_view name) {
  std::string out;
  for (const auto& each : entries_of(connection, name)) {
    if (!out.empty()) out += ',';
    out += shown_member(boost::json::object{{"id", each}}, "id");
  }
  return out.empty() ? "-" : out;
}

}  // namespace

int connections(const ConnectionsOptions& options, Console& console) {
  const HttpCall call{
      "GET", target_with("/connections", {{"userId", options.user}, {"chatId", options.chat}}), {}};
  return run_call(options.client, call, console, [&](const boost::json::value& answer) {
    std::vector<std::vector<std::string>> rows{
        {"CONNECTION", "USER", "CHATS", "CONNECTED", "LAST ACTIVE", "ADDRESS"}};
    for (const auto& each : entries_of(answer, "connections"))
      rows.push_back({shown_member(each, "connectionId"), shown_member(each, "userId"),
                      joined(each, "chatIds"), shown_member(each, "connectedAt"),
                      shown_member(each, "lastActiveAt"), shown_member(each, "sourceIp")});
    print_table(console.out, rows);
  });
}

}  // namespace carillon::cli
