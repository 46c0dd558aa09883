#include "authorizer/upgrade_authorizer.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "unit/ports/fake_tracer.hpp"

namespace carillon::authorizer {
namespace {

/// Takes every token for the name of its user, but for `forged`; has no keys for `nokeys`.
class TrustingAuthenticator final : public ports::Authenticator {
 public:
  void authenticate(std::string_view token, ports::Completion<model::IdentityPtr> done) override {
    if (token == "forged") return done(model::fail(model::errors::kUnauthorized, "bad signature"));
    if (token == "nokeys") return done(model::fail(model::errors::kUnavailable, "no keys"));
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
    request.http.trace = trace;
    if (trace)
      request.http.headers.emplace_back(
          "traceparent",
          "00-" + base::trace_id_text(*trace) + "-b7ad6b7169203331-" + (trace->sampled ? "01" : "00"));
    std::string answer = "(none)";
    authorizer.authorize(request, [&](const model::Result<model::IdentityPtr>& each) {
      answer = each ? (*each)->user.str() : "refused: " + each.error().details();
    });
    return answer;
  }
  /// `allowed refused unavailable`.
  std::string counted(const std::string& via) const {
    ports::MetricSet figures;
    authorizer.collect(figures);
    std::string out;
    for (const char* result : {"allowed", "refused", "unavailable"})
      for (const auto& each : figures.find("carillon_authorizations_total")->samples)
        if (each.labels == ports::Labels{{"via", via}, {"result", result}})
          out += (out.empty() ? "" : " ") + std::to_string(static_cast<int>(each.value));
    return out;
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
  ports::testing::FakeTracer tracer;
  std::optional<base::TraceContext> trace;
  UpgradeAuthorizer authorizer{authenticator, office, [this] { return now; }, &tracer};
  ports::Route route = ticket_route(office, nullptr, [this] { return now; });
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

TEST_F(UpgradeAuthorizerTest, no_ticket_is_sold_for_an_upgrade_that_would_be_refused) {
  std::string asked;
  route = ticket_route(
      office,
      [&](const ports::HttpRequest& request, ports::Completion<void> done) {
        asked = request.identity->user.str();
        if (asked == "mallory") return done(model::fail(model::errors::kNoChatAccess));
        done({});
      },
      [this] { return now; });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(buy("mallory").status, 403);
  EXPECT_EQ(asked, "mallory");
  EXPECT_EQ(buy("mallory").body, R"({"error":"Forbidden - No chat access"})");
  EXPECT_EQ(buy("alice").status, 201);
}

TEST_F(UpgradeAuthorizerTest, every_decision_is_counted_once_by_its_door) {
  for (const char* door : {"websocket", "ticket", "refresh"}) EXPECT_EQ(counted(door), "0 0 0") << door;
  authorize("token=alice");
  authorize("token=forged");
  authorize("token=nokeys");
  authorize("");
  authorize("token=alice&ticket=x");
  EXPECT_EQ(counted("websocket"), "1 3 1");
  const std::string ticket = buy("alice").body.substr(11, 43);
  authorize("ticket=" + ticket);
  authorize("ticket=" + ticket);
  EXPECT_EQ(counted("ticket"), "1 1 0");
  for (const char* token : {"alice", "bob", "forged", "nokeys"})
    authorizer.for_refresh().authenticate(token, [&](const model::Result<model::IdentityPtr>& each) {
      EXPECT_EQ(each.has_value(), token == std::string("alice") || token == std::string("bob"));
    });
  EXPECT_EQ(counted("refresh"), "2 1 1");
  EXPECT_EQ(counted("websocket"), "1 3 1");
}

TEST_F(UpgradeAuthorizerTest, who_waits_for_keys_may_outlive_it) {
  struct Waiting final : ports::Authenticator {
    void authenticate(std::string_view, ports::Completion<model::IdentityPtr> given) override {
      done = std::move(given);
    }
    ports::Completion<model::IdentityPtr> done;
  } waiting;
  auto gone = std::make_unique<UpgradeAuthorizer>(waiting, office);
  bool answered = false;
  ports::UpgradeRequest request;
  request.http.query = "token=alice";
  gone->authorize(request, [&](const model::Result<model::IdentityPtr>& each) { answered = !each; });
  gone.reset();
  waiting.done(model::fail(model::errors::kUnavailable));
  EXPECT_TRUE(answered);
}

TEST_F(UpgradeAuthorizerTest, upgrades_of_sampled_traces_are_spans) {
  authorize("token=alice");
  trace = base::new_trace(false);
  authorize("token=alice");
  EXPECT_TRUE(tracer.spans().empty());
  trace = base::new_trace(true);
  authorize("token=alice");
  const auto spans = tracer.spans();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].name, "authorize");
  EXPECT_EQ(spans[0].context, *trace) << "that of the upgrade, which is answered as traceparent";
  EXPECT_EQ(base::hex_text(spans[0].parent.data(), spans[0].parent.size()), "b7ad6b7169203331");
  EXPECT_TRUE(spans[0].attributes.empty()) << "never a token";
  EXPECT_FALSE(spans[0].failed);
}

TEST_F(UpgradeAuthorizerTest, who_is_refused_leaves_no_span) {
  trace = base::new_trace(true);
  for (const char* query : {"ticket=unknown", "", "token=alice&ticket=x"}) authorize(query);
  EXPECT_TRUE(tracer.spans().empty());
  EXPECT_EQ(tracer.asked, 0);
  tracer.full = true;
  EXPECT_EQ(authorize("token=alice"), "alice");
  EXPECT_EQ(tracer.asked, 1);
  EXPECT_TRUE(tracer.spans().empty()) << "there are too many already";
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
