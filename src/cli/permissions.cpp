#include "cli/permissions.hpp"

#include "base/bytes.hpp"

namespace carillon::cli {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

constexpr int kMaxPages = 10'000;

Parameters target_of(const PermissionsOptions& options) {
  if (options.target.empty()) return {{"userId", options.user}, {"chatId", options.chat}};
  const std::size_t colon = options.target.find(':');
  return {{"userId", options.user},
          {"targetClass", options.target.substr(0, colon)},
          {"targetId", options.target.substr(colon + 1)}};
}

std::string grant_body(const PermissionsOptions& options) {
  Parameters members = target_of(options);
  members.emplace_back("role", options.role);
  std::string body = "{";
  for (const auto& [name, value] : members) {
    if (value.empty()) continue;
    if (body.size() > 1) body += ',';
    body += base::json_string(name) + ':' + base::json_string(value);
  }
  return body + '}';
}

std::string shown_target(const boost::json::value& entry) {
  const std::string chat = shown_member(entry, "chatId");
  return chat != "-" ? "chat:" + chat
                     : shown_member(entry, "targetClass") + ':' + shown_member(entry, "targetId");
}

int change(const PermissionsOptions& options, Console& console) {
  const HttpCall call = options.action == PermissionsOptions::Action::grant
                            ? HttpCall{"POST", "/permissions", grant_body(options)}
                            : HttpCall{"DELETE", target_with("/permissions", target_of(options)), {}};
  return run_call(options.client, call, console, [&](const boost::json::value& answer) {
    console.out << shown_member(answer, "message") << ": " << shown_member(answer, "userId") << " is ";
    if (options.action == PermissionsOptions::Action::revoke) console.out << "no longer ";
    console.out << shown_member(answer, "role") << " in " << shown_target(answer) << '\n';
  });
}

int list(const PermissionsOptions& options, Console& console) {
  const bool of_user = !options.user.empty();
  std::vector<std::vector<std::string>> rows{{of_user ? "TARGET" : "USER", "ROLE", "GRANTED", "BY"}};
  std::string next;
  for (int page = 0; page < kMaxPages; ++page) {
    Parameters parameters = target_of(options);
    parameters.emplace_back("limit", "1000");
    parameters.emplace_back("startKey", next);
    next.clear();
    const auto answer = fetch(options.client, {"GET", target_with("/permissions", parameters), {}}, console);
    if (!answer) return answer.error();
    for (const boost::json::value& each : entries_of(*answer, of_user ? "permissions" : "users"))
      rows.push_back({of_user ? shown_target(each) : shown_member(each, "userId"), shown_member(each, "role"),
                      shown_member(each, "grantedAt"), shown_member(each, "grantedBy")});
    if (const std::string token = shown_member(*answer, "nextToken"); token != "-") next = token;
    if (next.empty()) break;
  }
  if (!options.client.json) print_table(console.out, rows);
  return 0;
}

}  // namespace

int permissions(const PermissionsOptions& options, Console& console) {
  return options.action == PermissionsOptions::Action::list ? list(options, console)
                                                            : change(options, console);
}

}  // namespace carillon::cli
