#include "management/connection_routes.hpp"

#include "base/bytes.hpp"
#include "management/requests.hpp"

namespace carillon::management {
namespace {

namespace errors = model::errors;
using model::Error;
using model::Result;
using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

constexpr std::size_t kMaxListed = 1000;
/// A connection record lives this long past its last heartbeat (CONTRACT §5).
constexpr base::EpochMs kRecordTtlMs = 24 * 3'600'000;

void append_text(std::string& out, const char* name, std::string_view value) {
  out += ",\"";
  out += name;
  out += "\":";
  base::append_json_string(out, value);
}

std::string connection_json(const ports::ConnectionView& view) {
  const ports::ConnectionRecord& record = *view.record;
  const base::EpochMs active = record.last_active_at.load();
  std::string out = "{";
  ports::append_connection(out, view);
  ports::append_memberships(out, record);
  append_text(out, "connectedAt", base::iso8601(record.connected_at));
  append_text(out, "lastActiveAt", base::iso8601(active));
  append_text(out, "sourceIp", record.source_address);
  append_text(out, "userAgent", ports::user_agent_text(record));
  out += ",\"ttl\":" + std::to_string((active + kRecordTtlMs) / 1000);
  return out += '}';
}

/// An optional id in the query; refused when it is none.
Result<std::optional<std::string>> id_parameter(const HttpRequest& request, const char* name) {
  auto value = request.query_value(name);
  if (value && !base::valid_id(*value))
    return model::fail(errors::kInvalidParameter, std::string(name) + " is no valid id");
  return value;
}

ports::HttpHandler list_handler(ports::ConnectionDirectory& directory) {
  return [&directory](HttpRequest request, HttpResponder respond) {
    const auto user = id_parameter(request, "userId");
    const auto chat = id_parameter(request, "chatId");
    const auto limit = limit_of(request, kMaxListed, kMaxListed);
    if (!user) return respond(HttpResponse::error(user.error()));
    if (!chat) return respond(HttpResponse::error(chat.error()));
    if (!limit) return respond(HttpResponse::error(limit.error()));
    const bool own = *user && **user == request.identity->user.str();
    if (!own && !request.identity->is_admin) return respond(HttpResponse::error(Error(errors::kForbidden)));
    std::optional<model::UserId> whose;
    if (*user) whose.emplace(**user);
    directory.list(
        std::move(whose), *chat, *limit,
        [respond = std::move(respond)](Result<std::vector<ports::ConnectionView>> views) mutable {
          if (!views) return respond(HttpResponse::error(views.error()));
          std::string body = "{\"connections\":[";
          for (const auto& each : *views) body += (body.back() == '[' ? "" : ",") + connection_json(each);
          respond(HttpResponse::json(200, body + "],\"count\":" + std::to_string(views->size()) + "}"));
        });
  };
}

ports::HttpHandler close_handler(ports::ConnectionDirectory& directory) {
  return admin_only([&directory](HttpRequest request, HttpResponder respond) {
    const auto user = id_parameter(request, "userId");
    if (!user || !*user)
      return respond(HttpResponse::error(Error(errors::kInvalidParameter, "userId is required")));
    directory.close_user(
        model::UserId(**user), [respond = std::move(respond)](Result<std::size_t> count) mutable {
          if (!count) return respond(HttpResponse::error(count.error()));
          respond(HttpResponse::json(
              200, "{\"message\":\"Connections closed\",\"closed\":" + std::to_string(*count) + "}"));
        });
  });
}

ports::HttpHandler presence_handler(ports::ConnectionDirectory& directory) {
  return [&directory](HttpRequest request, HttpResponder respond) {
    const auto chat = request.query_value("chatId");
    if (!chat || !base::valid_id(*chat))
      return respond(HttpResponse::error(Error(errors::kInvalidParameter, "chatId is required")));
    directory.presence(
        *chat, request.identity,
        [chat = *chat, respond = std::move(respond)](Result<std::vector<ports::PresentUser>> users) mutable {
          if (!users) return respond(HttpResponse::error(users.error()));
          std::string body = "{\"chatId\":" + base::json_string(chat) + ",\"users\":";
          ports::append_present_users(body, *users);
          respond(HttpResponse::json(200, body + "}"));
        });
  };
}

}  // namespace

std::vector<ports::Route> connection_routes(ports::ConnectionDirectory& directory) {
  const auto count = [&directory](HttpRequest, HttpResponder respond) {
    respond(HttpResponse::json(
        200, "{\"status\":\"healthy\",\"count\":" + std::to_string(directory.count()) + "}"));
  };
  return {{"GET", "/connections", ports::Access::token, list_handler(directory)},
          {"DELETE", "/connections", ports::Access::token, close_handler(directory)},
          {"GET", "/websocket/connections", ports::Access::token, count},
          {"GET", "/presence", ports::Access::token, presence_handler(directory)}};
}

}  // namespace carillon::management
