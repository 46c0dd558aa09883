#include "authorizer/bearer.hpp"

#include <gtest/gtest.h>

namespace carillon::authorizer {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;
using Protocols = std::vector<std::string>;

ports::HttpRequest request(std::string query, Headers headers = {}) {
  ports::HttpRequest out;
  out.method = "GET";
  out.path = "/";
  out.query = std::move(query);
  out.headers = std::move(headers);
  return out;
}

std::string refusal(const model::Error& error) {
  EXPECT_TRUE(error.is(model::errors::kUnauthorized));
  return "refused: " + error.details();
}

std::string of_request(const std::string& query, Headers headers = {}) {
  const auto token = bearer_of_request(request(query, std::move(headers)));
  return token ? *token : refusal(token.error());
}

std::string of_upgrade(const std::string& query, Headers headers = {}, const Protocols& protocols = {}) {
  const auto credential = credential_of_upgrade(request(query, std::move(headers)), protocols);
  if (!credential) return refusal(credential.error());
  return (credential->kind == Credential::Kind::ticket ? "ticket " : "token ") + credential->value;
}

Headers authorization(std::string value) {
  return {{"host", "x"}, {"authorization", std::move(value)}};
}

TEST(Bearer, a_request_carries_an_authorization_header) {
  for (const char* value : {"Bearer T", "bearer T", "BEARER T", "Bearer   T", "Bearer T  "})
    EXPECT_EQ(of_request("", authorization(value)), "T") << value;
  for (const char* value : {"", "T", "Bearer", "Bearer ", "Bearer    ", "BearerT", "Basic T", "Bearer\tT",
                            "Bearer=T", "XBearer T"})
    EXPECT_EQ(of_request("", authorization(value)), "refused: no bearer token") << value;
  EXPECT_EQ(of_request(""), "refused: no bearer token");
}

TEST(Bearer, a_token_in_the_url_of_a_request_is_refused) {
  for (const char* query : {"token=T", "a=b&token=T", "token=", "token", "t%6fken=T", "token=T&token=U"})
    for (const Headers& headers : {Headers(), authorization("Bearer T")})
      EXPECT_EQ(of_request(query, headers), "refused: a token in the URL is not accepted") << query;
  EXPECT_EQ(of_request("tokens=T&xtoken=T", authorization("Bearer T")), "T");
  EXPECT_EQ(of_request("ticket=T"), "refused: no bearer token") << "tickets are for upgrades";
}

TEST(Bearer, different_tokens_in_one_request_are_refused) {
  EXPECT_EQ(of_request("", {{"authorization", "Bearer T"}, {"authorization", "Bearer U"}}),
            "refused: more than one token");
  EXPECT_EQ(of_request("", {{"authorization", "Bearer T"}, {"authorization", "Bearer T"}}), "T");
  EXPECT_EQ(of_request("", {{"authorization", "Basic x"}, {"authorization", "Bearer T"}}), "T");
}

TEST(Bearer, an_upgrade_carries_it_in_any_of_four_places) {
  EXPECT_EQ(of_upgrade("token=T"), "token T");
  EXPECT_EQ(of_upgrade("userId=u&token=a%2Eb&chatId=c"), "token a.b");
  EXPECT_EQ(of_upgrade("", authorization("Bearer T")), "token T");
  EXPECT_EQ(of_upgrade("", {}, {"carillon.v1", "bearer.a.b.c"}), "token a.b.c");
  EXPECT_EQ(of_upgrade("", {}, {"bearer.a.b.c", "carillon.v1"}), "token a.b.c");
  EXPECT_EQ(of_upgrade("ticket=T"), "ticket T");
}

TEST(Bearer, an_upgrade_without_any_is_refused) {
  EXPECT_EQ(of_upgrade(""), "refused: no token");
  EXPECT_EQ(of_upgrade("token=&ticket=", authorization("Bearer "),
                       {"carillon.v1", "bearer.", "bearer", "Bearer.T"}),
            "refused: no token");
}

TEST(Bearer, the_same_credential_may_come_twice) {
  EXPECT_EQ(of_upgrade("token=T&token=T", authorization("Bearer T"), {"carillon.v1", "bearer.T"}), "token T");
  EXPECT_EQ(of_upgrade("ticket=T&ticket=T"), "ticket T");
  EXPECT_EQ(of_upgrade("token=T", authorization("Basic dXNlcg==")), "token T");
}

TEST(Bearer, different_credentials_are_refused) {
  const std::string refused = "refused: more than one credential";
  EXPECT_EQ(of_upgrade("token=T&token=U"), refused);
  EXPECT_EQ(of_upgrade("token=T", authorization("Bearer U")), refused);
  EXPECT_EQ(of_upgrade("token=T", {}, {"bearer.U"}), refused);
  EXPECT_EQ(of_upgrade("", authorization("Bearer T"), {"bearer.U"}), refused);
  EXPECT_EQ(of_upgrade("", {}, {"bearer.T", "bearer.U"}), refused);
  EXPECT_EQ(of_upgrade("ticket=T&ticket=U"), refused);
  EXPECT_EQ(of_upgrade("token=T&ticket=T"), refused) << "a ticket is no token, whatever it says";
}

}  // namespace
}  // namespace carillon::authorizer
