#include "comments_api/session_routes.hpp"

#include "authorizer/token_minter.hpp"
#include "base/bytes.hpp"
#include "comments_api/requests.hpp"

namespace carillon::comments_api {

using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

namespace {

constexpr std::chrono::seconds kLifetime{3600};

model::Result<HttpResponse> sign_in(const authorizer::Settings& tokens, const HttpRequest& request,
                                    base::EpochMs now) {
  const auto user = body_text(request, "userId", comment_store::valid_name,
                              "userId must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'");
  if (!user) return std::unexpected(user.error());
  const auto token = authorizer::mint_token(tokens, {.user = *user, .lifetime = kLifetime}, now);
  if (!token) return std::unexpected(token.error());
  const base::EpochMs expires_at = (now / 1000 + kLifetime.count()) * 1000;
  HttpResponse response = HttpResponse::json(
      201, "{\"userId\":" + base::json_string(*user) + ",\"token\":" + base::json_string(*token) +
               ",\"expiresAt\":\"" + base::iso8601(expires_at) + "\"}");
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace

std::vector<ports::Route> session_routes(authorizer::Settings tokens, authorizer::Clock clock) {
  const auto handler = [tokens = std::move(tokens), clock = std::move(clock)](HttpRequest request,
                                                                              HttpResponder respond) {
    const auto response = sign_in(tokens, request, clock().wall);
    respond(response ? *response : HttpResponse::error(response.error()));
  };
  return {{"POST", "/api/v1/session", ports::Access::open, handler}};
}

}  // namespace carillon::comments_api
