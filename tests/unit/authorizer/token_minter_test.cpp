#include "authorizer/token_minter.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "authorizer/dev_key.hpp"
#include "authorizer/jwt_verifier.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace carillon::authorizer {
namespace {

constexpr base::EpochMs kNow = 1'750'000'000'000;

Settings settings() {
  return dev_settings(std::string(43, 'k'));
}

std::string problem(const TokenRequest& request, const Settings& with = settings()) {
  const auto token = mint_token(with, request, kNow);
  if (token) return "(minted)";
  EXPECT_TRUE(token.error().is(model::errors::kInvalidParameter));
  return token.error().details();
}

model::IdentityPtr identity_of(const TokenRequest& request, const Settings& with = settings()) {
  const auto token = mint_token(with, request, kNow);
  EXPECT_TRUE(token) << token.error().details();
  if (!token) return nullptr;
  const auto verdict = JwtVerifier(with).verify(*token, kNow, nullptr);
  EXPECT_TRUE(verdict.identity) << verdict.identity.error().details();
  return verdict.identity ? *verdict.identity : nullptr;
}

TEST(TokenMinter, what_it_mints_is_accepted) {
  const auto who =
      identity_of({.user = "dev",
                   .scopes = {"carillon/publish", "carillon/metrics"},
                   .groups = {"carillon/admin"},
                   .claims = {{"custom:orgId", "o1"}, {"custom:hubId", "h1"}, {"custom:hubId", "h2"}},
                   .lifetime = std::chrono::seconds(90)});
  ASSERT_TRUE(who);
  EXPECT_EQ(who->user.str(), "dev");
  EXPECT_TRUE(who->may_publish_anywhere && who->may_read_metrics && who->is_admin);
  EXPECT_EQ(who->orgs, std::vector<std::string>{"o1"});
  EXPECT_EQ(who->hubs, (std::vector<std::string>{"h1", "h2"}));
  EXPECT_EQ(who->expires_at, kNow + 90'000);
}

TEST(TokenMinter, uses_the_settings_names) {
  Settings with = settings();
  with.issuer = "https://me.example";
  with.audience = {"first", "second"};
  with.user_claim = "name \"quoted\"";
  const auto who = identity_of({.user = "Zoë \\ \"Z\""}, with);
  ASSERT_TRUE(who);
  EXPECT_EQ(who->user.str(), "Zoë \\ \"Z\"");
}

TEST(TokenMinter, any_user_and_claim_survive) {
  const auto text = rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
                                     "a", "Z", "0", " ", "\"", "\\", "/", "'", "{", "}", ":", ";", "<", "é",
                                     "€", "😀", "\u202e", "*", ",", "\n", "\x01")),
                                 [](const std::vector<std::string>& parts) {
                                   std::string out;
                                   for (const std::string& each : parts) out += each;
                                   return out;
                                 });
  EXPECT_TRUE(rc::check([&] {
    const std::string user = *text;
    const std::string org = *text;
    const auto token = mint_token(settings(), {.user = user, .claims = {{"custom:orgId", org}}}, kNow);
    RC_ASSERT(token.has_value() == base::valid_id(user));
    if (!token) return;
    const auto verdict = JwtVerifier(settings()).verify(*token, kNow, nullptr);
    RC_ASSERT(verdict.identity.has_value());
    RC_ASSERT((*verdict.identity)->user.str() == user);
    RC_ASSERT((*verdict.identity)->orgs.size() == (base::valid_id(org) ? 1u : 0u));
  }));
}

TEST(TokenMinter, no_two_tokens_are_the_same) {
  EXPECT_NE(*mint_token(settings(), {.user = "u"}, kNow), *mint_token(settings(), {.user = "u"}, kNow));
}

TEST(TokenMinter, says_what_cannot_be) {
  EXPECT_EQ(problem({.user = "u"}), "(minted)");
  for (const char* user : {"", "*", "a,b", "a\nb", "\xff"})
    EXPECT_EQ(problem({.user = user}), "user: 1 to 256 characters, no comma and no control characters");
  for (const std::chrono::seconds lifetime :
       {std::chrono::seconds(0), std::chrono::seconds(-1), std::chrono::seconds(std::int64_t{1} << 60)})
    EXPECT_EQ(problem({.user = "u", .lifetime = lifetime}), "ttl: from 1s to ten years");
  for (const char* scope : {"", "two words", "\xff"})
    EXPECT_EQ(problem({.user = "u", .scopes = {scope}}), "scope: one word");
  EXPECT_EQ(problem({.user = "u", .groups = {""}}), "group: UTF-8 text");
  EXPECT_EQ(problem({.user = "u", .claims = {{"", "v"}}}), "claim: UTF-8 text, NAME=VALUE");
  EXPECT_EQ(problem({.user = "u", .claims = {{"k", "\xff"}}}), "claim: UTF-8 text, NAME=VALUE");
  for (const char* name :
       {"iss", "aud", "exp", "nbf", "iat", "jti", "sub", "scope", "client_id", "token_use", "cognito:groups"})
    EXPECT_EQ(problem({.user = "u", .claims = {{name, "v"}}}),
              "claim: " + std::string(name) + " is set by the other options");
  EXPECT_EQ(problem({.user = "u", .claims = {{"k", std::string(8000, 'v')}}}),
            "the token would be too large");
  Settings with = settings();
  with.hs256_secret.clear();
  EXPECT_EQ(problem({.user = "u"}, with), "auth.hs256_secret is not set, and only it can sign tokens");
  with = settings();
  with.audience.clear();
  EXPECT_EQ(problem({.user = "u"}, with), "auth.audience is not set");
}

}  // namespace
}  // namespace carillon::authorizer
