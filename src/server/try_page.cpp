#include "server/try_page.hpp"

#include <array>
#include <string>

#include "authorizer/token_minter.hpp"
#include "base/bytes.hpp"
#include "pages/page_routes.hpp"

namespace carillon::server {
namespace {

using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

constexpr std::array<std::string_view, 2> kPeople{"ann", "ben"};
constexpr std::string_view kChat = "try";

model::Target the_chat() {
  return model::Target::chat(std::string(kChat));
}

}  // namespace

std::vector<ports::Route> TryPage::routes() {
  std::vector<ports::Route> all = pages::page_routes("/try", pages::chat_files());
  all.push_back(
      {"POST", "/try/session", ports::Access::token,
       [this](HttpRequest request, HttpResponder respond) { open_session(request, std::move(respond)); }});
  return all;
}

void TryPage::open_session(const HttpRequest& request, HttpResponder respond) {
  if (!request.identity->is_admin)
    return respond(HttpResponse::error(model::Error(model::errors::kForbidden)));
  admit(0, request.identity, std::move(respond));
}

void TryPage::admit(std::size_t index, model::IdentityPtr actor, HttpResponder respond) {
  if (index == kPeople.size()) return respond(session());
  const model::UserId user{std::string(kPeople[index])};
  permissions_.role_of(user, the_chat(),
                       [this, index, user, actor = std::move(actor),
                        respond = std::move(respond)](model::Result<model::Role> role) mutable {
                         if (!role) return respond(HttpResponse::error(role.error()));
                         if (*role >= model::Role::member)
                           return admit(index + 1, std::move(actor), std::move(respond));
                         permissions_.grant(actor, user, the_chat(), model::Role::member,
                                            [this, index, actor, respond = std::move(respond)](
                                                model::Result<ports::Grant> grant) mutable {
                                              if (!grant) return respond(HttpResponse::error(grant.error()));
                                              admit(index + 1, std::move(actor), std::move(respond));
                                            });
                       });
}

HttpResponse TryPage::session() const {
  const base::EpochMs now = clock_();
  std::string body = "{\"chatId\":";
  base::append_json_string(body, kChat);
  body += ",\"users\":[";
  for (const std::string_view person : kPeople) {
    const authorizer::TokenRequest request{.user = std::string(person), .lifetime = kTokenLifetime};
    const auto token = authorizer::mint_token(signing_, request, now);
    if (!token) return HttpResponse::error(token.error());
    body += body.back() == '[' ? "{\"userId\":" : ",{\"userId\":";
    base::append_json_string(body, person);
    body += ",\"token\":";
    base::append_json_string(body, *token);
    body += '}';
  }
  // A token names its end in whole seconds.
  const base::EpochMs expires_at = now / 1000 * 1000 + std::chrono::milliseconds(kTokenLifetime).count();
  body += "],\"expiresAt\":\"";
  base::append_iso8601(body, expires_at);
  body += "\"}";
  HttpResponse response = HttpResponse::json(201, std::move(body));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace carillon::server
