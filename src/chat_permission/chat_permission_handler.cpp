#include "chat_permission/chat_permission_handler.hpp"

#include <charconv>

#include "base/bytes.hpp"
#include "model/json.hpp"

namespace carillon::chat_permission {
namespace {

namespace errors = model::errors;
using model::Error;
using model::Result;
using model::Target;
using model::TargetClass;
using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

constexpr std::size_t kDefaultLimit = 100;
constexpr std::size_t kMaxLimit = 1000;

std::unexpected<Error> invalid(std::string details) {
  return model::fail(errors::kInvalidParameter, std::move(details));
}

/// What an entry is for: a chat, or an org, hub or project. Empty texts count as absent.
Result<Target> entry_target(std::string_view chat_id, std::string_view target_class,
                            std::string_view target_id) {
  if (!chat_id.empty()) {
    if (!target_class.empty() || !target_id.empty())
      return invalid("chatId stands alone, without targetClass");
    if (!base::valid_id(chat_id)) return invalid("chatId is no valid id");
    return Target::chat(std::string(chat_id));
  }
  const auto parsed = model::parse_target_class(target_class);
  const bool grantable = parsed == TargetClass::chat || parsed == TargetClass::org ||
                         parsed == TargetClass::hub || parsed == TargetClass::project;
  if (!grantable || !base::valid_id(target_id))
    return invalid("chatId, or targetClass (chat, org, hub, project) and targetId, are required");
  return Target{*parsed, std::string(target_id)};
}

std::string_view text_member(const boost::json::object& object, std::string_view key) {
  const auto* text = model::string_member(object, key);
  return text ? model::view(*text) : std::string_view();
}

void append_target(std::string& out, const Target& target) {
  if (target.is_chat()) {
    out += "\"chatId\":";
  } else {
    out += "\"targetClass\":\"";
    out += name(target.target_class);
    out += "\",\"targetId\":";
  }
  base::append_json_string(out, target.id);
}

void append_grant(std::string& out, const ports::Permission& permission) {
  out += ",\"role\":\"";
  out += name(permission.role);
  out += "\",\"grantedAt\":\"";
  base::append_iso8601(out, permission.granted_at);
  out += "\",\"grantedBy\":";
  base::append_json_string(out, permission.granted_by.str());
}

std::string change_body(std::string_view message, const ports::Permission& permission) {
  std::string out = "{\"message\":\"";
  out += message;
  out += "\",\"userId\":";
  base::append_json_string(out, permission.user.str());
  out += ',';
  append_target(out, permission.target);
  append_grant(out, permission);
  return out += '}';
}

struct Page {
  std::size_t limit = kDefaultLimit;
  std::string start;
};

/// `limit` and `startKey` (alias `nextToken`), which is the last id seen.
Result<Page> page_of(const HttpRequest& request) {
  Page page;
  if (const auto limit = request.query_value("limit")) {
    const auto [end, error] = std::from_chars(limit->data(), limit->data() + limit->size(), page.limit);
    if (error != std::errc() || end != limit->data() + limit->size() || page.limit < 1 ||
        page.limit > kMaxLimit)
      return invalid("limit must be a number from 1 to 1000");
  }
  auto token = request.query_value("startKey");
  if (!token) token = request.query_value("nextToken");
  if (!token || token->empty()) return page;
  const auto start = base::base64url_decode(*token);
  if (!start || start->size() > 1100) return invalid("startKey is not one that this service gave");
  page.start = *start;
  return page;
}

/// One more than a page was asked for: the surplus entry shows that there is a next page.
template <typename IdOf>
void append_next_token(std::string& out, std::vector<ports::Permission>& entries, std::size_t limit,
                       IdOf id_of) {
  if (entries.size() <= limit) return;
  entries.resize(limit);
  out = ",\"nextToken\":\"" + base::base64url_encode(id_of(entries.back())) + "\"";
}

}  // namespace

std::vector<ports::Route> ChatPermissionHandler::routes() {
  const auto route = [this](const char* method, auto member) {
    return ports::Route{method, "/permissions", ports::Access::token,
                        [this, member](HttpRequest request, HttpResponder respond) {
                          (this->*member)(std::move(request), std::move(respond));
                        }};
  };
  return {route("POST", &ChatPermissionHandler::grant), route("DELETE", &ChatPermissionHandler::revoke),
          route("GET", &ChatPermissionHandler::list)};
}

void ChatPermissionHandler::grant(HttpRequest request, HttpResponder respond) {
  const auto document = model::JsonDocument::parse(request.body, errors::kInvalidParameter);
  if (!document) return respond(HttpResponse::error(document.error()));
  const auto& object = document->object();
  const std::string_view user = text_member(object, "userId");
  if (!base::valid_id(user))
    return respond(HttpResponse::error(Error(errors::kInvalidParameter, "userId is required")));
  auto target = entry_target(text_member(object, "chatId"), text_member(object, "targetClass"),
                             text_member(object, "targetId"));
  if (!target) return respond(HttpResponse::error(target.error()));
  const auto role = object.contains("role") ? model::parse_role(text_member(object, "role"))
                                            : std::optional(model::Role::member);
  if (!role)
    return respond(
        HttpResponse::error(Error(errors::kInvalidParameter, "role must be viewer, member, admin or owner")));
  table_.grant(request.identity, model::UserId(user), std::move(*target), *role,
               [respond = std::move(respond)](Result<ports::Grant> grant) mutable {
                 if (!grant) return respond(HttpResponse::error(grant.error()));
                 respond(HttpResponse::json(grant->created ? 201 : 200,
                                            change_body("Permission granted", grant->permission)));
               });
}

void ChatPermissionHandler::revoke(HttpRequest request, HttpResponder respond) {
  const std::string user = request.query_value("userId").value_or("");
  if (!base::valid_id(user))
    return respond(HttpResponse::error(Error(errors::kInvalidParameter, "userId is required")));
  auto target = entry_target(request.query_value("chatId").value_or(""),
                             request.query_value("targetClass").value_or(""),
                             request.query_value("targetId").value_or(""));
  if (!target) return respond(HttpResponse::error(target.error()));
  table_.revoke(request.identity, model::UserId(user), std::move(*target),
                [respond = std::move(respond)](Result<ports::Permission> permission) mutable {
                  if (!permission) return respond(HttpResponse::error(permission.error()));
                  respond(HttpResponse::json(200, change_body("Permission revoked", *permission)));
                });
}

void ChatPermissionHandler::list(HttpRequest request, HttpResponder respond) {
  if (auto user = request.query_value("userId")) {
    if (!base::valid_id(*user))
      return respond(HttpResponse::error(Error(errors::kInvalidParameter, "userId")));
    return list_of_user(std::move(request), model::UserId(std::move(*user)), std::move(respond));
  }
  auto target = entry_target(request.query_value("chatId").value_or(""),
                             request.query_value("targetClass").value_or(""),
                             request.query_value("targetId").value_or(""));
  if (!target)
    return respond(HttpResponse::error(Error(errors::kInvalidParameter, "userId or chatId is required")));
  list_of_target(std::move(request), std::move(*target), std::move(respond));
}

void ChatPermissionHandler::list_of_user(HttpRequest request, model::UserId user, HttpResponder respond) {
  if (user != request.identity->user && !request.identity->is_admin)
    return respond(HttpResponse::error(Error(errors::kForbidden)));
  auto page = page_of(request);
  if (!page) return respond(HttpResponse::error(page.error()));
  table_.list_by_user(user, std::move(page->start), page->limit + 1,
                      [user, limit = page->limit,
                       respond = std::move(respond)](Result<std::vector<ports::Permission>> entries) mutable {
                        if (!entries) return respond(HttpResponse::error(entries.error()));
                        std::string next;
                        append_next_token(next, *entries, limit,
                                          [](const ports::Permission& each) { return each.target.str(); });
                        std::string body =
                            "{\"userId\":" + base::json_string(user.str()) + ",\"permissions\":[";
                        for (const ports::Permission& each : *entries) {
                          body += body.back() == '[' ? "{" : ",{";
                          append_target(body, each.target);
                          append_grant(body, each);
                          body += '}';
                        }
                        respond(HttpResponse::json(200, body + "]" + next + "}"));
                      });
}

void ChatPermissionHandler::list_of_target(HttpRequest request, Target target, HttpResponder respond) {
  auto page = page_of(request);
  if (!page) return respond(HttpResponse::error(page.error()));
  const bool admin = request.identity->is_admin;
  table_.role_of(request.identity->user, target,
                 [this, admin, target, page = std::move(*page),
                  respond = std::move(respond)](Result<model::Role> role) mutable {
                   if (!role) return respond(HttpResponse::error(role.error()));
                   if (*role < model::Role::viewer && !admin)
                     return respond(HttpResponse::error(
                         Error(target.is_chat() ? errors::kNoChatAccess : errors::kForbidden)));
                   const std::size_t limit = page.limit;
                   table_.list_by_target(target, std::move(page.start), limit + 1,
                                         [target, limit, respond = std::move(respond)](
                                             Result<std::vector<ports::Permission>> entries) mutable {
                                           if (!entries) return respond(HttpResponse::error(entries.error()));
                                           std::string next;
                                           append_next_token(
                                               next, *entries, limit,
                                               [](const ports::Permission& each) { return each.user.str(); });
                                           std::string body = "{";
                                           append_target(body, target);
                                           body += ",\"users\":[";
                                           for (const ports::Permission& each : *entries) {
                                             body += body.back() == '[' ? "{" : ",{";
                                             body += "\"userId\":" + base::json_string(each.user.str());
                                             append_grant(body, each);
                                             body += '}';
                                           }
                                           respond(HttpResponse::json(200, body + "]" + next + "}"));
                                         });
                 });
}

}  // namespace carillon::chat_permission
