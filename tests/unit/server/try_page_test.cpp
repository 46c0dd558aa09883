#include "server/try_page.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "authorizer/dev_key.hpp"
#include "authorizer/jwt_verifier.hpp"
#include "model/errors.hpp"

namespace carillon::server {
namespace {

using model::Role;
using model::Target;
using model::UserId;
using ports::Completion;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Remembers what was granted and by whom, and answers at once.
class FakeTable final : public ports::PermissionTable {
 public:
  void grant(model::IdentityPtr actor, UserId user, Target target, Role role,
             Completion<ports::Grant> done) override {
    if (failure) return done(std::unexpected(*failure));
    EXPECT_TRUE(actor->is_admin);
    grants.push_back(actor->user.str() + ": " + user.str() + " " + target.str() + " " +
                     std::string(name(role)));
    roles[user.str()] = role;
    done(ports::Grant{{user, target, role, 0, actor->user}, true});
  }
  void revoke(model::IdentityPtr, UserId, Target, Completion<ports::Permission>) override { FAIL(); }
  void list_by_user(UserId, std::optional<Target>, std::size_t,
                    Completion<std::vector<ports::Permission>>) override {
    FAIL();
  }
  void list_by_target(Target, std::optional<UserId>, std::size_t,
                      Completion<std::vector<ports::Permission>>) override {
    FAIL();
  }
  void role_of(UserId user, Target target, Completion<Role> done) override {
    EXPECT_EQ(target, Target::chat("try"));
    const auto found = roles.find(user.str());
    done(found == roles.end() ? Role::none : found->second);
  }

  std::map<std::string, Role> roles;
  std::vector<std::string> grants;
  std::optional<model::Error> failure;
};

class TryPageTest : public ::testing::Test {
 protected:
  static constexpr base::EpochMs kNow = 1'800'000'000'250;

  ports::HttpResponse open_session(model::Identity identity) {
    ports::HttpRequest request;
    request.method = "POST";
    request.path = "/try/session";
    request.identity = std::make_shared<const model::Identity>(std::move(identity));
    const auto route = std::ranges::find(routes_, request.path, &ports::Route::path);
    ports::HttpResponse answer;
    route->handler(std::move(request), [&](ports::HttpResponse each) { answer = std::move(each); });
    return answer;
  }

  FakeTable table_;
  authorizer::Settings signing_ = authorizer::dev_settings(std::string(32, 'k'));
  TryPage page_{table_, signing_, [] { return kNow; }};
  std::vector<ports::Route> routes_ = page_.routes();
};

TEST_F(TryPageTest, LetsTwoPeopleIn) {
  const auto answer = open_session({.user = UserId("root"), .is_admin = true});
  EXPECT_EQ(answer.status, 201);
  EXPECT_THAT(answer.headers, ::testing::Contains(::testing::Pair("Cache-Control", "no-store")));
  const auto body = boost::json::parse(answer.body).as_object();
  EXPECT_EQ(body.at("chatId"), "try");
  EXPECT_EQ(body.at("expiresAt"), "2027-01-15T09:00:00.000Z");
  EXPECT_THAT(table_.grants, ElementsAre("root: ann chat:try member", "root: ben chat:try member"));

  const authorizer::JwtVerifier verifier(signing_);
  std::vector<std::string> people;
  for (const auto& each : body.at("users").as_array()) {
    const std::string token(each.at("token").as_string());
    const auto identity = verifier.verify(token, kNow, nullptr).identity;
    ASSERT_TRUE(identity);
    EXPECT_EQ((*identity)->user.str(), each.at("userId").as_string());
    EXPECT_FALSE((*identity)->is_backend() || (*identity)->may_read_metrics);
    EXPECT_EQ((*identity)->expires_at, 1'800'003'600'000);
    people.push_back((*identity)->user.str());
  }
  EXPECT_THAT(people, ElementsAre("ann", "ben"));
}

TEST_F(TryPageTest, ChangesNothingTheSecondTime) {
  const auto first = open_session({.user = UserId("dev"), .is_admin = true});
  table_.grants.clear();
  const auto second = open_session({.user = UserId("dev"), .is_admin = true});
  EXPECT_EQ(second.status, 201);
  EXPECT_NE(first.body, second.body) << "fresh tokens";
  EXPECT_THAT(table_.grants, IsEmpty());
}

TEST_F(TryPageTest, KeepsAHigherRoleAndRaisesALowerOne) {
  table_.roles = {{"ann", Role::owner}, {"ben", Role::viewer}};
  EXPECT_EQ(open_session({.user = UserId("dev"), .is_admin = true}).status, 201);
  EXPECT_THAT(table_.grants, ElementsAre("dev: ben chat:try member"));
}

TEST_F(TryPageTest, IsForTheDevUserAndAdministrators) {
  for (const char* user : {"ann", "ben", "Dev", "dev2"}) {
    const auto answer = open_session({.user = UserId(user), .may_publish_anywhere = true});
    EXPECT_EQ(answer.status, 403) << user;
    EXPECT_THAT(answer.body, HasSubstr("Forbidden"));
  }
  EXPECT_THAT(table_.grants, IsEmpty());
}

TEST_F(TryPageTest, SaysWhyThePeopleCouldNotBeLetIn) {
  table_.failure = model::retry_later(model::errors::kOverloaded, 1000);
  const auto answer = open_session({.user = UserId("dev"), .is_admin = true});
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body.find("token"), std::string::npos);
}

TEST_F(TryPageTest, ServesThePage) {
  std::set<std::string> open;
  for (const auto& route : routes_) {
    if (route.access == ports::Access::open) {
      EXPECT_EQ(route.method, "GET");
      open.insert(route.path);
    }
  }
  EXPECT_TRUE(open.contains("/try/"));
  EXPECT_TRUE(open.contains("/try"));
  EXPECT_FALSE(open.contains("/try/session"));
}

}  // namespace
}  // namespace carillon::server
