#include "cli/queues.hpp"

#include "base/bytes.hpp"

namespace carillon::cli {
namespace {

int list(const QueuesOptions& options, Console& console) {
  return run_call(options.client, {"GET", "/queues", {}}, console, [&](const boost::json::value& answer) {
    std::vector<std::vector<std::string>> rows{
        {"QUEUE", "TYPE", "DEPTH", "IN FLIGHT", "OLDEST", "DEAD LETTERS TO"}};
    for (const auto& each : entries_of(answer, "queues"))
      rows.push_back({shown_member(each, "name"), shown_member(each, "type"), shown_member(each, "depth"),
                      shown_member(each, "inFlight"), shown_member(each, "oldestAgeSeconds") + " s",
                      shown_member(each, "deadLetterQueue")});
    print_table(console.out, rows);
  });
}

void print_message(const boost::json::value& message, std::ostream& out) {
  out << shown_member(message, "messageId") << "  " << shown_member(message, "timestamp") << "  "
      << shown_member(message, "targetClass");
  if (const std::string id = shown_member(message, "targetId"); id != "-") out << ':' << id;
  out << "  from " << shown_member(message, "userId") << "  attempts " << shown_member(message, "attempts")
      << '\n';
  if (const std::string reason = shown_member(message, "reason"); reason != "-")
    out << "  reason: " << reason << '\n';
  for (const auto& each : entries_of(message, "failed")) {
    out << "  failed for " << shown_member(each, "userId");
    if (const std::string connection = shown_member(each, "connectionId"); connection != "-")
      out << " on connection " << connection;
    out << ": " << shown_member(each, "reason") << '\n';
  }
  out << "  payload: " << shown_member(message, "payload") << '\n';
}

int peek(const QueuesOptions& options, const std::string& path, Console& console) {
  const HttpCall call{"GET", target_with(path + "/messages", {{"limit", std::to_string(options.limit)}}), {}};
  return run_call(options.client, call, console, [&](const boost::json::value& answer) {
    const boost::json::array& messages = entries_of(answer, "messages");
    for (const auto& each : messages) print_message(each, console.out);
    if (messages.empty()) console.out << base::printable(options.name) << " is empty\n";
  });
}

int redrive(const QueuesOptions& options, const std::string& path, Console& console) {
  std::string body;
  for (const std::string& id : options.message_ids)
    body += (body.empty() ? "{\"messageIds\":[" : ",") + base::json_string(id);
  if (!body.empty()) body += "]}";
  return run_call(options.client, {"POST", path + "/redrive", body}, console,
                  [&](const boost::json::value& answer) {
                    console.out << shown_member(answer, "redriven") << " messages queued again\n";
                  });
}

int purge(const QueuesOptions& options, const std::string& path, Console& console) {
  return run_call(options.client, {"DELETE", path + "/messages", {}}, console,
                  [&](const boost::json::value& answer) {
                    console.out << shown_member(answer, "purged") << " messages deleted\n";
                  });
}

}  // namespace

int queues(const QueuesOptions& options, Console& console) {
  const std::string path = "/queues/" + base::percent_encode(options.name);
  switch (options.action) {
    case QueuesOptions::Action::peek:
      return peek(options, path, console);
    case QueuesOptions::Action::redrive:
      return redrive(options, path, console);
    case QueuesOptions::Action::purge:
      return purge(options, path, console);
    case QueuesOptions::Action::list:
      break;
  }
  return list(options, console);
}

}  // namespace carillon::cli
