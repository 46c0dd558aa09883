#include "chat_permission/chat_permission_handler.hpp"

#include <charconv>

#include "base/bytes.hpp"
#include "chat_permission/list_cursor.hpp"
#include "model/access_errors.hpp"
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

Error user_required() {
  return Error(errors::kInvalidParameter, "userId is required");
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

/// What a body or a query says of an entry; absent members are empty.
struct EntryNames {
  std::string user, chat_id, target_class, target_id;

  Result<Target> target() const { return entry_target(chat_id, target_class, target_id); }
};

/// A member that is there but no text is refused, and not passed over as if it were absent.
Result<std::string> text_member(const boost::json::object& object, std::string_view key) {
  if (!object.contains(key)) return std::string();
  const auto* text = model::string_member(object, key);
  if (!text) return invalid(std::string(key) + " must be a text");
  return std::string(model::view(*text));
}

/// A query parameter; empty when absent. Given twice it is refused, as somebody in between may have looked at
/// the other one.
Result<std::string> parameter(const HttpRequest& request, std::string_view name) {
  auto values = request.query_values(name);
  if (values.size() > 1) return invalid(std::string(name) + " is given more than once");
  return values.empty() ? std::string() : std::move(values.front());
}

template <typename Read>
Result<EntryNames> entry_names(Read read) {
  EntryNames names;
  const std::pair<std::string_view, std::string*> fields[] = {{"userId", &names.user},
                                                              {"chatId", &names.chat_id},
                                                              {"targetClass", &names.target_class},
                                                              {"targetId", &names.target_id}};
  for (const auto& [name, value] : fields) {
    auto text = read(name);
    if (!text) return std::unexpected(text.error());
    *value = std::move(*text);
  }
  if (!names.user.empty() && !base::valid_id(names.user)) return invalid("userId is no valid id");
  return names;
}

Result<EntryNames> names_in_query(const HttpRequest& request) {
  if (!base::percent_decode(request.query, true)) return invalid("the query is badly encoded");
  return entry_names([&](std::string_view name) { return parameter(request, name); });
}

Result<EntryNames> names_in_body(const boost::json::object& object) {
  return entry_names([&](std::string_view name) { return text_member(object, name); });
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
  std::optional<Target> after;
};

/// `limit` and `startKey` (alias `nextToken`) of a request for `list`.
Result<Page> page_of(const HttpRequest& request, const Target& list) {
  Page page;
  const auto limit = parameter(request, "limit");
  if (!limit) return std::unexpected(limit.error());
  if (!limit->empty()) {
    const auto [end, error] = std::from_chars(limit->data(), limit->data() + limit->size(), page.limit);
    if (error != std::errc() || end != limit->data() + limit->size() || page.limit < 1 ||
        page.limit > kMaxLimit)
      return invalid("limit must be a number from 1 to 1000");
  }
  const auto start = parameter(request, "startKey"), next = parameter(request, "nextToken");
  if (!start || !next || (!start->empty() && !next->empty() && *start != *next))
    return invalid("startKey is given more than once");
  const std::string& text = start->empty() ? *next : *start;
  if (text.empty()) return page;
  page.after = parse_list_cursor(list, text);
  if (!page.after) return invalid("startKey is not one that this service gave for this list");
  return page;
}

/// The page as JSON from `head` on: `,"NAME":[…],"nextToken"?}`. One more entry than a page was asked for:
/// the surplus one shows that there is a next page.
template <typename LastOf, typename AppendNames>
std::string page_body(std::string head, std::string_view name, const Target& list, std::size_t limit,
                      std::vector<ports::Permission> entries, LastOf last_of, AppendNames append_names) {
  const bool more = entries.size() > limit;
  if (more) entries.resize(limit);
  std::string body = std::move(head);
  body.append(",\"").append(name).append("\":[");
  for (const ports::Permission& each : entries) {
    body += body.back() == '[' ? "{" : ",{";
    append_names(body, each);
    append_grant(body, each);
    body += '}';
  }
  body += ']';
  if (more) body.append(",\"nextToken\":\"").append(list_cursor(list, last_of(entries.back()))) += '"';
  return body += '}';
}

/// A member by claim is one too (CONTRACT §3).
bool may_list_by_token(const model::Identity& identity, const Target& target) {
  return identity.is_admin || identity.claims(target);
}

void respond_error(HttpResponder& respond, const Error& error) {
  respond(HttpResponse::error(error));
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
  if (!document) return respond_error(respond, document.error());
  const auto& object = document->object();
  const auto names = names_in_body(object);
  if (!names) return respond_error(respond, names.error());
  if (names->user.empty()) return respond_error(respond, user_required());
  auto target = names->target();
  if (!target) return respond_error(respond, target.error());
  const auto text = text_member(object, "role");
  const auto role = !object.contains("role") ? std::optional(model::Role::member)
                    : text                   ? model::parse_role(*text)
                                             : std::nullopt;
  if (!role)
    return respond_error(respond,
                         Error(errors::kInvalidParameter, "role must be viewer, member, admin or owner"));
  table_.grant(request.identity, model::UserId(names->user), std::move(*target), *role,
               [respond = std::move(respond)](Result<ports::Grant> grant) mutable {
                 if (!grant) return respond_error(respond, grant.error());
                 respond(HttpResponse::json(grant->created ? 201 : 200,
                                            change_body("Permission granted", grant->permission)));
               });
}

void ChatPermissionHandler::revoke(HttpRequest request, HttpResponder respond) {
  const auto names = names_in_query(request);
  if (!names) return respond_error(respond, names.error());
  if (names->user.empty()) return respond_error(respond, user_required());
  auto target = names->target();
  if (!target) return respond_error(respond, target.error());
  table_.revoke(request.identity, model::UserId(names->user), std::move(*target),
                [respond = std::move(respond)](Result<ports::Permission> permission) mutable {
                  if (!permission) return respond_error(respond, permission.error());
                  respond(HttpResponse::json(200, change_body("Permission revoked", *permission)));
                });
}

void ChatPermissionHandler::list(HttpRequest request, HttpResponder respond) {
  const auto names = names_in_query(request);
  if (!names) return respond_error(respond, names.error());
  const bool names_target =
      !names->chat_id.empty() || !names->target_class.empty() || !names->target_id.empty();
  if (names->user.empty() != names_target)
    return respond_error(respond,
                         Error(errors::kInvalidParameter,
                               "either userId, or chatId, or targetClass and targetId, is required"));
  if (!names_target) return list_of_user(request, model::UserId(names->user), std::move(respond));
  auto target = names->target();
  if (!target) return respond_error(respond, target.error());
  list_of_target(request, std::move(*target), std::move(respond));
}

void ChatPermissionHandler::list_of_user(const HttpRequest& request, model::UserId user,
                                         HttpResponder respond) {
  if (user != request.identity->user && !request.identity->is_admin)
    return respond_error(respond, Error(errors::kForbidden));
  Target list = Target::user(user.str());
  auto page = page_of(request, list);
  if (!page) return respond_error(respond, page.error());
  table_.list_by_user(
      user, std::move(page->after), page->limit + 1,
      [list = std::move(list), limit = page->limit,
       respond = std::move(respond)](Result<std::vector<ports::Permission>> entries) mutable {
        if (!entries) return respond_error(respond, entries.error());
        respond(HttpResponse::json(
            200,
            page_body(
                "{\"userId\":" + base::json_string(list.id), "permissions", list, limit, std::move(*entries),
                [](const ports::Permission& each) { return each.target; },
                [](std::string& out, const ports::Permission& each) { append_target(out, each.target); })));
      });
}

void ChatPermissionHandler::list_of_target(const HttpRequest& request, Target target, HttpResponder respond) {
  auto page = page_of(request, target);
  if (!page) return respond_error(respond, page.error());
  if (may_list_by_token(*request.identity, target))
    return show_target(std::move(target), std::move(page->after), page->limit, std::move(respond));
  table_.role_of(request.identity->user, target,
                 [this, target, page = std::move(*page),
                  respond = std::move(respond)](Result<model::Role> role) mutable {
                   if (!role) return respond_error(respond, role.error());
                   if (*role < model::Role::viewer)
                     return respond_error(respond, Error(model::no_access_to(target.target_class)));
                   show_target(std::move(target), std::move(page.after), page.limit, std::move(respond));
                 });
}

void ChatPermissionHandler::show_target(Target target, std::optional<Target> after, std::size_t limit,
                                        HttpResponder respond) {
  std::optional<model::UserId> after_user;
  if (after) after_user.emplace(std::move(after->id));
  table_.list_by_target(
      target, std::move(after_user), limit + 1,
      [target, limit, respond = std::move(respond)](Result<std::vector<ports::Permission>> entries) mutable {
        if (!entries) return respond_error(respond, entries.error());
        std::string head = "{";
        append_target(head, target);
        respond(HttpResponse::json(
            200, page_body(
                     std::move(head), "users", target, limit, std::move(*entries),
                     [](const ports::Permission& each) { return Target::user(each.user.str()); },
                     [](std::string& out, const ports::Permission& each) {
                       out += "\"userId\":";
                       base::append_json_string(out, each.user.str());
                     })));
      });
}

}  // namespace carillon::chat_permission
