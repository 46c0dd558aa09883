#include "authorizer/upgrade_authorizer.hpp"

#include <optional>

#include <gtest/gtest.h>

namespace carillon::authorizer {
namespace {

/// Takes every token for the name of its user.
class TrustingAuthenticator final : public ports::Authenticator {
 public:
  void authenticate(std::string_view token, ports::Completion<model::IdentityPtr> done) override {
    auto identity = std::make_shared<model::Identity>();
    identity->user = model::UserId(token);
    identity->expires_at = 1'750'000'100'000;
    done(identity);
  }
};

class UpgradeAuthorizerTest : public testing::Test {
 protected:
  std::string authorize(const std::string& query, std::vector<std::string> protocols = {}) {
    ports::UpgradeRequest request;
    request.http.query = query;
    request.subprotocols = std::move(protocols);
    std::string answer = "(none)";
    authorizer.authorize(request, [&](const model::Result<model::IdentityPtr>& each) {
      answer = each ? (*each)->user.str() : "refused: " + each.error().details();
    });
    return answer;
  }
  ports::HttpResponse buy(const std::string& user) {
    ports::HttpRequest request;
    authenticator.authenticate(user,
                               [&](model::Result<model::IdentityPtr> each) { request.identity = *each; });
    std::optional<ports::HttpResponse> answer;
    route.handler(std::move(request), [&](ports::HttpResponse each) { answer = std::move(each); });
    return answer.value();
  }

  Time now{1'750'000'000'000, base::Monotonic(std::chrono::hours(1000))};
  TrustingAuthenticator authenticator;
  TicketOffice office{std::chrono::seconds(60), {.tickets = 10, .tickets_per_user = 2}};
  UpgradeAuthorizer authorizer{authenticator, office, [this] { return now; }};
  ports::Route route = ticket_route(office, [this] { return now; });
};

TEST_F(UpgradeAuthorizerTest, tokens_go_to_the_authenticator) {
  EXPECT_EQ(authorize("token=alice"), "alice");
  EXPECT_EQ(authorize("", {"carillon.v1", "bearer.bob"}), "bob");
  EXPECT_EQ(authorize(""), "refused: no token");
  EXPECT_EQ(authorize("token=alice&ticket=x"), "refused: more than one credential");
}

TEST_F(UpgradeAuthorizerTest, tickets_are_sold_and_redeemed) {
  EXPECT_EQ(route.method, "POST");
  EXPECT_EQ(route.path, "/tickets");
  EXPECT_EQ(route.access, ports::Access::token);
  const auto response = buy("alice");
  EXPECT_EQ(response.status, 201);
  const std::string start = R"({"ticket":")";
  ASSERT_TRUE(response.body.starts_with(start)) << response.body;
  const std::string ticket = response.body.substr(start.size(), 43);
  EXPECT_EQ(response.body, start + ticket + R"(","expiresAt":"2025-06-15T15:07:10.000Z"})");
  EXPECT_EQ(authorize("ticket=" + ticket), "alice");
  EXPECT_EQ(authorize("ticket=" + ticket), "refused: unknown ticket");
}

TEST_F(UpgradeAuthorizerTest, over_the_bound_no_ticket_is_sold) {
  buy("alice");
  buy("alice");
  const auto response = buy("alice");
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(buy("bob").status, 201);
}

}  // namespace
}  // namespace carillon::authorizer
