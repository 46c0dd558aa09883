#include "connection_handler/connect_parameters.hpp"

#include <unordered_set>

namespace carillon::connection_handler {
namespace {

namespace errors = model::errors;
using model::TargetClass;

std::unexpected<model::Error> invalid(std::string_view name) {
  return model::fail(errors::kInvalidParameter,
                     std::string(name) + " must be 1 to 256 characters without control characters or commas");
}

/// Adds the ids of one `chatId=a,b` to `out`, but for those `seen`.
model::Result<void> add_chats(std::string_view list, std::unordered_set<std::string>& seen,
                              ConnectParameters& out) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view id = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (id == "*") {
      out.every_chat = true;
    } else if (!base::valid_id(id)) {
      return invalid("chatId");
    } else if (seen.emplace(id).second) {
      out.chat_ids.emplace_back(id);
    }
  }
  return {};
}

}  // namespace

model::Result<ConnectParameters> read_connect_parameters(const ports::HttpRequest& request,
                                                         const model::Identity& identity) {
  for (const std::string& user : request.query_values("userId"))
    if (user != identity.user.str()) return model::fail(errors::kUserIdMismatch);

  ConnectParameters out;
  std::unordered_set<std::string> seen;
  for (const std::string& list : request.query_values("chatId"))
    if (auto added = add_chats(list, seen, out); !added) return std::unexpected(added.error());

  constexpr std::pair<const char*, TargetClass> kMemberships[] = {
      {"orgId", TargetClass::org}, {"hubId", TargetClass::hub}, {"projectId", TargetClass::project}};
  for (const auto& [name, target_class] : kMemberships) {
    auto id = request.query_value(name);
    if (!id || id->empty()) continue;
    if (!base::valid_id(*id)) return invalid(name);
    out.memberships.push_back({target_class, std::move(*id)});
  }
  return out;
}

}  // namespace carillon::connection_handler
