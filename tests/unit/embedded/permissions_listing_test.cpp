#include <set>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chat_permission/chat_permission_handler.hpp"
#include "unit/embedded/local_node_fixture.hpp"

/// CONTRACT §9: `GET /permissions?userId=` and `?chatId=`, with `limit` and `startKey`, over the real store.
namespace carillon::embedded::testing {
namespace {

using model::TargetClass;

class PermissionsListing : public LocalNodeTest {
 protected:
  void SetUp() override {
    open();
    handler_ = std::make_unique<chat_permission::ChatPermissionHandler>(node_->permissions());
    routes_ = handler_->routes();
  }

  void grant_all(const std::vector<std::pair<std::string, Target>>& entries) {
    for (const auto& [user, target] : entries)
      ASSERT_TRUE(await<ports::Grant>([&](auto done) {
        node_->permissions().grant(identity("root", true), UserId(user), target, Role::member,
                                   std::move(done));
      }));
  }
  ports::HttpResponse get(std::string query, const model::IdentityPtr& as) {
    ports::HttpRequest request;
    request.method = "GET";
    request.path = "/permissions";
    request.query = std::move(query);
    request.identity = as;
    std::promise<ports::HttpResponse> promise;
    auto future = promise.get_future();
    std::ranges::find(routes_, "GET", &ports::Route::method)
        ->handler(std::move(request),
                  [&](ports::HttpResponse response) { promise.set_value(std::move(response)); });
    EXPECT_EQ(future.wait_for(std::chrono::seconds(30)), std::future_status::ready);
    return future.get();
  }
  /// Every entry of every page, as `class:id` or user id, in the order they came.
  std::vector<std::string> walk(const std::string& query, std::size_t limit, const model::IdentityPtr& as) {
    std::vector<std::string> found;
    std::string start;
    for (int page = 0; page < 1000; ++page) {
      const auto response =
          get(query + "&limit=" + std::to_string(limit) + (start.empty() ? "" : "&startKey=" + start), as);
      EXPECT_EQ(response.status, 200) << response.body;
      const boost::json::object body = boost::json::parse(response.body).as_object();
      const auto& entries = body.at(body.contains("permissions") ? "permissions" : "users").as_array();
      EXPECT_LE(entries.size(), limit);
      for (const auto& each : entries) found.push_back(name_of(each.as_object()));
      if (!body.contains("nextToken")) return found;
      EXPECT_FALSE(entries.empty());
      start = base::percent_encode(std::string(body.at("nextToken").as_string()));
    }
    ADD_FAILURE() << "the walk has no end";
    return found;
  }
  static std::string name_of(const boost::json::object& entry) {
    if (entry.contains("userId")) return std::string(entry.at("userId").as_string());
    if (entry.contains("chatId")) return "chat:" + std::string(entry.at("chatId").as_string());
    return std::string(entry.at("targetClass").as_string()) + ":" +
           std::string(entry.at("targetId").as_string());
  }
  std::string first_token(const std::string& query, const model::IdentityPtr& as) {
    const auto body = boost::json::parse(get(query + "&limit=1", as).body).as_object();
    return base::percent_encode(std::string(body.at("nextToken").as_string()));
  }

  std::unique_ptr<chat_permission::ChatPermissionHandler> handler_;
  std::vector<ports::Route> routes_;
};

TEST_F(PermissionsListing, of_a_user_has_every_entry_once_whatever_the_page) {
  std::vector<std::pair<std::string, Target>> entries;
  std::vector<std::string> wanted;
  // Ids on both sides of the text "chat:…", and one id in all four classes.
  for (const std::string& id : {"a", "abc", "chat", "chat:", "chat:abc", "chat;", "d", "same", "z"})
    entries.emplace_back("bob", Target::chat(id));
  for (const TargetClass each : {TargetClass::org, TargetClass::hub, TargetClass::project}) {
    entries.emplace_back("bob", Target{each, "same"});
    entries.emplace_back("bob", Target{each, "chat:abc"});
  }
  for (const auto& [user, target] : entries) wanted.push_back(target.str());
  grant_all(entries);
  grant_all({{"bo", Target::chat("a")}, {"bobb", Target::chat("a")}});
  for (std::size_t limit = 1; limit <= entries.size() + 1; ++limit)
    EXPECT_THAT(walk("userId=bob", limit, identity("bob")), ::testing::UnorderedElementsAreArray(wanted))
        << "limit " << limit;
}

TEST_F(PermissionsListing, of_a_target_has_every_user_once_whatever_the_page) {
  const std::vector<std::string> users{"a", "ab", "b", "chat:a", "same", "user:b", "z"};
  std::vector<std::pair<std::string, Target>> entries;
  for (const std::string& user : users)
    for (const Target& target : {Target::chat("room"), Target{TargetClass::org, "room"}})
      entries.emplace_back(user, target);
  grant_all(entries);
  grant_all({{"other", Target::chat("roo")},
             {"other", Target::chat("rooms")},
             {"other", {TargetClass::hub, "room"}}});
  for (std::size_t limit = 1; limit <= users.size() + 1; ++limit) {
    EXPECT_EQ(walk("chatId=room", limit, identity("a")), users) << "limit " << limit;
    EXPECT_EQ(walk("targetClass=org&targetId=room", limit, identity("a")), users) << "limit " << limit;
  }
}

TEST_F(PermissionsListing, goes_on_behind_an_entry_that_is_gone) {
  grant_all({{"bob", Target::chat("a")}, {"bob", Target::chat("b")}, {"bob", Target::chat("c")}});
  const std::string token = first_token("userId=bob", identity("bob"));
  ASSERT_TRUE(revoke("bob", "a"));
  EXPECT_EQ(walk("userId=bob&startKey=" + token, 10, identity("bob")),
            (std::vector<std::string>{"chat:b", "chat:c"}));
}

TEST_F(PermissionsListing, refuses_a_start_key_that_it_did_not_give_for_that_list) {
  grant_all({{"bob", Target::chat("a")},
             {"bob", Target::chat("b")},
             {"ann", Target::chat("a")},
             {"ann", Target::chat("b")}});
  const auto bob = identity("bob");
  const std::string of_bob = first_token("userId=bob", bob), of_chat = first_token("chatId=a", bob);
  std::vector<std::pair<std::string, std::string>> bad{
      {"userId=bob", of_chat},
      {"userId=bob", first_token("userId=ann", identity("ann"))},
      {"chatId=a", of_bob},
      {"chatId=b", of_chat}};
  for (const std::string& text : {"x", "!", "chat:a", "YQ", "AAAA", "%00"})
    for (const std::string& query : {"userId=bob", "chatId=a"}) bad.emplace_back(query, text);
  bad.emplace_back("userId=bob", of_bob + "A");
  bad.emplace_back("userId=bob", of_bob.substr(0, of_bob.size() - 2));
  for (const auto& [query, token] : bad) {
    const auto response = get(query + "&startKey=" + token, bob);
    EXPECT_EQ(response.status, 400) << query << " " << token;
    EXPECT_THAT(response.body, ::testing::HasSubstr(R"("error":"Invalid parameter","details":"startKey)"));
  }
  EXPECT_EQ(get("userId=bob&nextToken=" + of_bob, bob).status, 200) << "its other name";
}

}  // namespace
}  // namespace carillon::embedded::testing
