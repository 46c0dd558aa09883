#include <algorithm>

#include <gtest/gtest.h>

#include "comments_api/comment_routes.hpp"
#include "comments_api/session_routes.hpp"
#include "comments_api/websocket_routes.hpp"
#include "fake_carillon.hpp"
#include "outbound/standard_webhooks.hpp"
#include "unit/authorizer/temporary_directory.hpp"

namespace carillon::comments_api {
namespace {

using ports::HttpRequest;
using ports::HttpResponse;

constexpr const char* kAll = "/api/v1/posts/{id}/comments";
constexpr const char* kOne = "/api/v1/posts/{id}/comments/{commentId}";
constexpr const char* kEventsKey = "events key";

struct Ask {
  std::string body;
  std::vector<std::string> parameters{"post"};
  std::string user = "ann";
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers;
};

class Routes : public testing::Test {
 protected:
  HttpResponse call(const char* method, const char* path, Ask ask) {
    const auto route = std::ranges::find_if(
        routes, [&](const ports::Route& each) { return each.method == method && each.path == path; });
    if (route == routes.end()) throw std::runtime_error(std::string("no route ") + path);
    HttpRequest request{
        .method = method, .path = path, .query = ask.query, .headers = ask.headers, .body = ask.body};
    request.parameters = ask.parameters;
    if (route->access == ports::Access::token) {
      auto identity = std::make_shared<model::Identity>();
      identity->user = base::UserId(ask.user);
      request.identity = identity;
    }
    std::optional<HttpResponse> answer;
    route->handler(std::move(request), [&](HttpResponse response) { answer = std::move(response); });
    if (!answer && !carillon.calls.empty()) carillon.answer(200, R"({"status":"healthy","count":7})");
    return answer ? *answer : HttpResponse{.status = 0};
  }
  std::string member(const HttpResponse& response, const char* name) {
    const auto document = boost::json::parse(response.body).as_object();
    const auto* value = document.if_contains(name);
    return !value               ? "(absent)"
           : value->is_string() ? std::string(value->as_string())
                                : boost::json::serialize(*value);
  }
  std::string post_comment(const char* content, const char* user = "ann") {
    const auto response =
        call("POST", kAll, {.body = "{\"content\":\"" + std::string(content) + "\"}", .user = user});
    EXPECT_EQ(response.status, 201) << response.body;
    return member(response, "id");
  }
  HttpResponse event(const char* path, const std::string& body, const char* id = "msg_1",
                     std::string_view key = kEventsKey) {
    return call("POST", path,
                {.body = body, .headers = outbound::webhook_headers(key, id, carillon.now.wall, body)});
  }
  std::string seen() { return member(call("GET", "/websocket/connections", {}), "seen"); }

  authorizer::TemporaryDirectory directory;
  FakeCarillon carillon;
  std::unique_ptr<comment_store::CommentTable> table =
      comment_store::CommentTable::open(directory.path() / "comments").value();
  std::shared_ptr<WebSocketService> websocket = std::make_shared<WebSocketService>(
      WebSocketService::Settings{.endpoint = "http://localhost:3001", .tokens = token_settings()}, carillon,
      carillon.later(), carillon.clock());
  CommentService comments{*table, *websocket};
  SeenConnections connections;
  std::vector<ports::Route> routes = [this] {
    auto all = comment_routes(comments, carillon.clock());
    for (auto& each : session_routes(token_settings(), carillon.clock())) all.push_back(std::move(each));
    for (auto& each : websocket_routes({comments, *websocket, connections}, kEventsKey, carillon.clock()))
      all.push_back(std::move(each));
    return all;
  }();
};

TEST_F(Routes, a_comment_is_acknowledged_and_then_broadcast) {
  const auto response = call("POST", kAll, {.body = R"({"content":"hello"})"});
  EXPECT_EQ(response.status, 201);
  const std::string id = member(response, "id");
  EXPECT_TRUE(base::MessageId::parse(id));
  EXPECT_EQ(response.body, R"({"message":"Comment created","id":")" + id +
                               R"(","postId":"post","createdAt":"2023-11-14T22:13:20.000Z"})");
  ASSERT_EQ(carillon.calls.size(), 1u);
  EXPECT_EQ(carillon.calls.front().body("type"), "comment.created");
  EXPECT_NE(carillon.calls.front().data("comment").find(id), std::string::npos);
}

TEST_F(Routes, comments_are_listed_oldest_first_in_pages) {
  const std::string first = post_comment("1"), second = post_comment("2", "ben");
  const auto page = call("GET", kAll, {.query = "limit=1"});
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body,
            R"({"postId":"post","comments":[{"id":")" + first +
                R"(","content":"1","userId":"ann","createdAt":"2023-11-14T22:13:20.000Z","postId":"post"}],)"
                R"("count":2,"nextToken":"1"})");
  const auto rest = call("GET", kAll, {.query = "limit=1&startKey=" + member(page, "nextToken")});
  EXPECT_NE(rest.body.find(second), std::string::npos);
  EXPECT_EQ(member(rest, "nextToken"), "(absent)");
  EXPECT_EQ(call("GET", kAll, {.parameters = {"empty"}}).body,
            R"({"postId":"empty","comments":[],"count":0})");
}

TEST_F(Routes, own_comments_are_changed_and_deleted) {
  const std::string id = post_comment("old");
  carillon.pass(std::chrono::seconds(1));
  const auto changed = call("PUT", kOne, {.body = R"({"content":"new"})", .parameters = {"post", id}});
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(changed.body, R"({"message":"Comment updated","id":")" + id +
                              R"(","postId":"post","updatedAt":"2023-11-14T22:13:21.000Z"})");
  EXPECT_NE(call("GET", kAll, {}).body.find(R"("updatedAt":"2023-11-14T22:13:21.000Z")"), std::string::npos);
  const auto deleted = call("DELETE", kOne, {.parameters = {"post", id}});
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(deleted.body, R"({"message":"Comment deleted","id":")" + id + R"(","postId":"post"})");
  EXPECT_EQ(call("DELETE", kOne, {.parameters = {"post", id}}).status, 404);
  for (const char* type : {"comment.created", "comment.updated", "comment.deleted"}) {
    ASSERT_FALSE(carillon.calls.empty()) << type;
    EXPECT_EQ(carillon.calls.front().body("type"), type);
    carillon.answer(200);
  }
  EXPECT_TRUE(carillon.calls.empty());
}

TEST_F(Routes, other_peoples_comments_stay_as_they_are) {
  const std::string id = post_comment("ann's");
  carillon.answer(200);
  for (const char* method : {"PUT", "DELETE"}) {
    const auto response =
        call(method, kOne, {.body = R"({"content":"ben's"})", .parameters = {"post", id}, .user = "ben"});
    EXPECT_EQ(response.status, 403) << method;
    EXPECT_EQ(member(response, "error"), "Forbidden");
    EXPECT_EQ(call(method, kOne, {.body = R"({"content":"x"})", .parameters = {"other", id}}).status, 404);
    EXPECT_EQ(call(method, kOne, {.body = R"({"content":"x"})", .parameters = {"post", "no-id"}}).status,
              404);
  }
  EXPECT_NE(call("GET", kAll, {}).body.find("ann's"), std::string::npos);
  EXPECT_TRUE(carillon.calls.empty()) << "what was refused is not told";
}

TEST_F(Routes, hostile_input_is_refused) {
  for (const char* body :
       {"", "[]", "null", "{}", R"({"content":5})", R"({"content":""})", R"({"content":"\u0000"})",
        R"({"content":"\ud800"})", R"({"content":"a","content":"b"})", "{\"content\":\"\xff\"}",
        R"({"content":"x")", R"({"content":"\u001b[31m"})"}) {
    EXPECT_EQ(call("POST", kAll, {.body = body}).status, 400) << body;
    EXPECT_EQ(call("PUT", kOne, {.body = body, .parameters = {"post", post_comment("x")}}).status, 400)
        << body;
  }
  const std::string long_text = "{\"content\":\"" + std::string(10'001, 'x') + "\"}";
  EXPECT_EQ(call("POST", kAll, {.body = long_text}).status, 400);
  for (const char* post : {"", "a/b", "a b", "../x", "ä", "a\n"}) {
    EXPECT_EQ(call("POST", kAll, {.body = R"({"content":"x"})", .parameters = {post}}).status, 400) << post;
    EXPECT_EQ(call("GET", kAll, {.parameters = {post}}).status, 400) << post;
    EXPECT_EQ(call("POST", "/api/v1/posts/{id}/comments/list", {.parameters = {post}}).status, 400) << post;
  }
  for (const char* query : {"limit=0", "limit=101", "limit=-1", "limit=1x", "limit=", "startKey=x",
                            "startKey=-1", "startKey=99999999999999999999", "startKey=18446744073709551615"})
    EXPECT_EQ(call("GET", kAll, {.query = query}).status, 400) << query;
}

TEST_F(Routes, writes_are_bounded_per_user) {
  for (int i = 0; i < static_cast<int>(CommentService::kWritesAtOnce); ++i) post_comment("x");
  const auto refused = call("POST", kAll, {.body = R"({"content":"x"})"});
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(member(refused, "error"), "Too many requests");
  post_comment("x", "ben");
  carillon.pass(std::chrono::milliseconds(100));
  post_comment("x");
  EXPECT_EQ(call("POST", "/websocket/test", {.body = R"({"message":"x"})"}).status, 429);
  EXPECT_EQ(call("POST", "/api/v1/posts/{id}/comments/list", {}).status, 429);
}

TEST_F(Routes, the_list_is_broadcast_when_asked_for) {
  const std::string first = post_comment("1");
  post_comment("2");
  carillon.answer(200);
  carillon.answer(200);
  EXPECT_EQ(call("POST", "/api/v1/posts/{id}/comments/list", {}).status, 202);
  EXPECT_EQ(carillon.calls.front().body("type"), "comments.list");
  EXPECT_EQ(carillon.calls.front().data("count"), "2");
  EXPECT_NE(carillon.calls.front().data("comments").find(first), std::string::npos);
}

TEST_F(Routes, a_list_fits_into_carillons_messages) {
  for (int i = 0; i < 40; ++i) {
    post_comment(std::string(9'990, '\'').append("\\n\\n").c_str());
    carillon.answer(200);
  }
  call("POST", "/api/v1/posts/{id}/comments/list", {});
  EXPECT_LT(carillon.calls.front().request.body.size(), 262'144u - 1024);
  EXPECT_EQ(carillon.calls.front().data("count"), "40");
}

TEST_F(Routes, a_test_message_is_broadcast) {
  EXPECT_EQ(call("POST", "/websocket/test", {.body = R"({"message":"ping"})"}).status, 202);
  EXPECT_EQ(carillon.calls.front().body("type"), "test");
  EXPECT_EQ(carillon.calls.front().data("message"), "ping");
  EXPECT_EQ(call("POST", "/websocket/test", {.body = R"({"message":5})"}).status, 400);
}

TEST_F(Routes, signing_in_gives_a_token_without_privileges) {
  const auto response = call("POST", "/api/v1/session", {.body = R"({"userId":"ann.b-c_1"})"});
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(member(response, "userId"), "ann.b-c_1");
  EXPECT_EQ(member(response, "expiresAt"), "2023-11-14T23:13:20.000Z");
  const auto verdict =
      authorizer::JwtVerifier(token_settings()).verify(member(response, "token"), carillon.now.wall, nullptr);
  ASSERT_TRUE(verdict.identity);
  EXPECT_EQ((*verdict.identity)->user, base::UserId("ann.b-c_1"));
  EXPECT_EQ((*verdict.identity)->expires_at, carillon.now.wall + 3'600'000);
  EXPECT_FALSE((*verdict.identity)->is_backend());
  for (const char* body :
       {"{}", R"({"userId":""})", R"({"userId":"a b"})", R"({"userId":"a,b"})", R"({"userId":1})", "x"})
    EXPECT_EQ(call("POST", "/api/v1/session", {.body = body}).status, 400) << body;
}

TEST_F(Routes, connection_events_are_counted) {
  EXPECT_EQ(
      event("/websocket/connect", R"({"type":"connect","connectionId":"c1","userId":"ann"})", "m1").status,
      200);
  EXPECT_EQ(
      event("/websocket/connect", R"({"type":"connect","connectionId":"c2","userId":"ann"})", "m2").status,
      200);
  EXPECT_EQ(call("GET", "/websocket/connections", {}).body, R"({"status":"healthy","count":7,"seen":2})");
  const std::string gone = R"({"type":"disconnect","connectionId":"c1","reason":"x"})";
  EXPECT_EQ(event("/websocket/disconnect", gone, "m3").status, 200);
  EXPECT_EQ(event("/websocket/disconnect", gone, "m3").status, 200) << "again, as after a lost answer";
  EXPECT_EQ(
      event("/websocket/connect", R"({"type":"connect","connectionId":"c1","userId":"ann"})", "m1").status,
      200);
  EXPECT_EQ(seen(), "1");
}

TEST_F(Routes, events_without_a_good_signature_are_refused) {
  const std::string body = R"({"type":"connect","connectionId":"c1"})";
  EXPECT_EQ(event("/websocket/connect", body, "m1", "another key").status, 401);
  EXPECT_EQ(call("POST", "/websocket/connect", {.body = body}).status, 401);
  auto headers = outbound::webhook_headers(kEventsKey, "m1", carillon.now.wall, body);
  EXPECT_EQ(call("POST", "/websocket/connect", {.body = body + " ", .headers = headers}).status, 401);
  carillon.pass(std::chrono::minutes(6));
  EXPECT_EQ(call("POST", "/websocket/connect", {.body = body, .headers = headers}).status, 401);
  EXPECT_EQ(seen(), "0");
  routes = websocket_routes({comments, *websocket, connections}, "", carillon.clock());
  EXPECT_EQ(event("/websocket/connect", body, "m2", "").status, 401) << "no key is no key to sign with";
}

TEST_F(Routes, events_that_say_something_else_are_refused) {
  for (const char* body :
       {R"({"type":"disconnect","connectionId":"c1"})", R"({"type":"connect"})", "[]", "",
        R"({"type":"connect","connectionId":""})", R"({"type":"connect","connectionId":"a\n"})"})
    EXPECT_EQ(event("/websocket/connect", body).status, 400) << body;
  EXPECT_EQ(seen(), "0");
}

TEST_F(Routes, health_tells_how_broadcasts_fare) {
  post_comment("x");
  EXPECT_EQ(call("GET", "/health", {}).body,
            R"({"status":"healthy","broadcasts":{"sent":0,"failed":0,"dropped":0,"waiting":1}})");
}

}  // namespace
}  // namespace carillon::comments_api
