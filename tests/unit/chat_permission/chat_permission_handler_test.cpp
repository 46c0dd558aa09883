#include "chat_permission/chat_permission_handler.hpp"

#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/errors.hpp"

/// CONTRACT §9, what the handler decides before and after the table: parameters, who may list, bodies.
namespace carillon::chat_permission {
namespace {

using model::Role;
using model::Target;
using model::TargetClass;
using model::UserId;
using ports::Completion;
using ports::Permission;
using ::testing::HasSubstr;

/// Remembers what was asked, and answers at once.
class FakeTable final : public ports::PermissionTable {
 public:
  void grant(model::IdentityPtr actor, UserId user, Target target, Role role,
             Completion<ports::Grant> done) override {
    calls.push_back("grant " + user.str() + " " + target.str() + " " + std::string(name(role)));
    done(ports::Grant{{user, target, role, 1'800'000'000'000, actor->user}, created});
  }
  void revoke(model::IdentityPtr actor, UserId user, Target target, Completion<Permission> done) override {
    calls.push_back("revoke " + user.str() + " " + target.str());
    done(Permission{user, target, Role::viewer, 1'800'000'000'000, actor->user});
  }
  void list_by_user(UserId user, std::optional<Target>, std::size_t limit,
                    Completion<std::vector<Permission>> done) override {
    calls.push_back("list " + user.str() + " " + std::to_string(limit));
    done({});
  }
  void list_by_target(Target target, std::optional<UserId>, std::size_t limit,
                      Completion<std::vector<Permission>> done) override {
    calls.push_back("list " + target.str() + " " + std::to_string(limit));
    done({});
  }
  void role_of(UserId user, Target target, Completion<Role> done) override {
    const auto found = roles.find(user.str() + " " + target.str());
    done(found == roles.end() ? Role::none : found->second);
  }

  bool created = true;
  std::map<std::string, Role> roles;
  std::vector<std::string> calls;
};

class ChatPermissionHandlerTest : public ::testing::Test {
 protected:
  ports::HttpResponse ask(std::string method, std::string text) {
    ports::HttpRequest request;
    request.method = method;
    (method == "POST" ? request.body : request.query) = std::move(text);
    request.identity = std::make_shared<const model::Identity>(identity_);
    const auto route = std::ranges::find(routes_, method, &ports::Route::method);
    ports::HttpResponse answer;
    route->handler(std::move(request), [&](ports::HttpResponse each) { answer = std::move(each); });
    return answer;
  }
  void refused(const std::string& method, const std::string& text, std::string_view details) {
    const auto answer = ask(method, text);
    EXPECT_EQ(answer.status, 400) << text << " " << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(std::string(details))) << text;
    EXPECT_TRUE(table_.calls.empty()) << text;
  }

  FakeTable table_;
  ChatPermissionHandler handler_{table_};
  std::vector<ports::Route> routes_ = handler_.routes();
  model::Identity identity_{.user = UserId("ann")};
};

TEST_F(ChatPermissionHandlerTest, grants_and_says_whether_the_entry_is_new) {
  auto answer = ask("POST", R"({"userId":"bob","chatId":"room"})");
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, R"({"message":"Permission granted","userId":"bob","chatId":"room","role":"member",)"
                         R"("grantedAt":"2027-01-15T08:00:00.000Z","grantedBy":"ann"})");
  table_.created = false;
  answer = ask("POST", R"({"userId":"bob","targetClass":"hub","targetId":"h","role":"owner"})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(R"("targetClass":"hub","targetId":"h","role":"owner")"));
  EXPECT_EQ(table_.calls, (std::vector<std::string>{"grant bob chat:room member", "grant bob hub:h owner"}));
}

TEST_F(ChatPermissionHandlerTest, one_chat_has_one_name) {
  ask("POST", R"({"userId":"bob","targetClass":"chat","targetId":"room","role":"viewer"})");
  ask("DELETE", "userId=bob&targetClass=chat&targetId=room");
  EXPECT_EQ(table_.calls, (std::vector<std::string>{"grant bob chat:room viewer", "revoke bob chat:room"}));
}

TEST_F(ChatPermissionHandlerTest, refuses_bodies_that_are_not_plain) {
  refused("POST", R"({"userId":"bob","chatId":"room","chatId":"den"})", "Invalid JSON");
  refused("POST", R"({"userId":"bob","chatId":"room","\u0072ole":"viewer","role":"owner"})", "Invalid JSON");
  refused("POST", R"({"userId":"bob","chatId":7,"targetClass":"org","targetId":"o"})", "chatId");
  refused("POST", R"({"userId":"bob","chatId":"room","targetClass":null})", "targetClass");
  refused("POST", R"({"userId":["bob"],"chatId":"room"})", "userId");
  refused("POST", R"({"userId":"bob","chatId":"room","role":"Owner"})", "role");
  refused("POST", R"({"userId":"bob","chatId":"room","role":null})", "role");
  refused("POST", R"({"userId":"bob","chatId":"room","role":""})", "role");
  refused("POST", R"({"userId":"bob\u0000","chatId":"room"})", "userId");
  refused("POST", R"({"userId":"bob","chatId":"room\u001f"})", "chatId");
  refused("POST", R"({"userId":"bob","targetClass":"user","targetId":"ann"})", "targetClass");
  refused("POST", R"({"userId":"bob","targetClass":"all"})", "targetClass");
  refused("POST", "[]", "Invalid parameter");
  refused("POST", "", "Invalid");
}

TEST_F(ChatPermissionHandlerTest, refuses_queries_that_are_not_plain) {
  for (const std::string method : {"DELETE", "GET"}) {
    refused(method, "", "userId");
    refused(method, "userId=ann&userId=bob&chatId=room", "userId is given more than once");
    refused(method, "userId=a%2Cb&chatId=room", "userId");
    refused(method, "userId=ann&chatId=%zz", "badly encoded");
    refused(method, "userId=%ff&chatId=room", "userId");
    refused(method, "chatId=*", "");
  }
  refused("DELETE", "userId=bob", "chatId");
  refused("GET", "userId=ann&chatId=room", "either");
  refused("GET", "userId=ann&targetId=room", "either");
  refused("GET", "targetClass=user&targetId=ann", "targetClass");
  for (const std::string limit : {"0", "1001", "-1", "x", "1x", "99999999999999999999", "%31%00"})
    refused("GET", "userId=ann&limit=" + limit, "limit");
  refused("GET", "userId=ann&limit=1&limit=2", "limit");
  refused("GET", "userId=ann&startKey=A&nextToken=B", "startKey");
}

TEST_F(ChatPermissionHandlerTest, everyone_lists_their_own_and_nobody_elses) {
  EXPECT_EQ(ask("GET", "userId=ann&limit=7").body, R"({"userId":"ann","permissions":[]})");
  EXPECT_EQ(table_.calls, (std::vector<std::string>{"list ann 8"}))
      << "one more, to know whether there is more";
  EXPECT_EQ(ask("GET", "userId=bob").status, 403);
  identity_.may_publish_anywhere = true;
  EXPECT_EQ(ask("GET", "userId=bob").status, 403) << "a backend publishes, it does not manage";
  identity_.is_admin = true;
  EXPECT_EQ(ask("GET", "userId=bob").status, 200);
}

TEST_F(ChatPermissionHandlerTest, a_viewer_lists_the_chats_users) {
  const auto stranger = ask("GET", "chatId=room");
  EXPECT_EQ(stranger.status, 403);
  EXPECT_EQ(stranger.body, R"({"error":"Forbidden - No chat access"})");
  table_.roles["ann chat:room"] = Role::viewer;
  EXPECT_EQ(ask("GET", "chatId=room").body, R"({"chatId":"room","users":[]})");
  EXPECT_EQ(ask("GET", "chatId=den").body, stranger.body);
  identity_.is_admin = true;
  EXPECT_EQ(ask("GET", "chatId=den").status, 200);
}

TEST_F(ChatPermissionHandlerTest, a_member_by_claim_lists_the_orgs_users) {
  EXPECT_EQ(ask("GET", "targetClass=org&targetId=acme").body, R"({"error":"Forbidden - No access to org"})");
  identity_.orgs = {"acme"};
  EXPECT_EQ(ask("GET", "targetClass=org&targetId=acme").body,
            R"({"targetClass":"org","targetId":"acme","users":[]})");
  EXPECT_EQ(ask("GET", "targetClass=hub&targetId=acme").status, 403);
  EXPECT_EQ(ask("GET", "chatId=acme").status, 403) << "a claim of an org is none of a chat";
}

}  // namespace
}  // namespace carillon::chat_permission
