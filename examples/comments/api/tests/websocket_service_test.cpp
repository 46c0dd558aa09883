#include "comments_api/websocket_service.hpp"

#include <gtest/gtest.h>

#include "fake_carillon.hpp"

namespace carillon::comments_api {
namespace {

using comment_store::Comment;
using comment_store::CommentId;
using comment_store::PostId;

class Broadcasts : public testing::Test {
 protected:
  std::shared_ptr<WebSocketService> make(std::size_t max_waiting = 1024) {
    WebSocketService::Settings settings{.endpoint = "http://localhost:3001", .tokens = token_settings()};
    settings.max_waiting = max_waiting;
    return std::make_shared<WebSocketService>(settings, carillon, carillon.later(), carillon.clock());
  }
  Comment comment(const char* post, const char* content) {
    return {CommentId::generate(carillon.now.wall), PostId(post), base::UserId("ann"), content,
            carillon.now.wall};
  }

  FakeCarillon carillon;
  std::shared_ptr<WebSocketService> service = make();
};

TEST_F(Broadcasts, have_the_seeds_shapes) {
  Comment made = comment("p", "say \"hi\"\n");
  service->broadcast_new_comment(made);
  const std::string head =
      "{\"id\":\"" + made.id.str() +
      R"(","content":"say \"hi\"\n","userId":"ann","createdAt":"2023-11-14T22:13:20.000Z")";
  const std::string tail = R"(,"timestamp":"2023-11-14T22:13:20.000Z"})";
  EXPECT_EQ(
      carillon.calls.front().request.body,
      R"({"type":"comment.created","data":{"postId":"p","comment":)" + head + R"(,"postId":"p"}})" + tail);
  carillon.answer(200);

  made.updated_at = made.created_at + 1;
  service->broadcast_comment_update(made);
  EXPECT_EQ(carillon.calls.front().request.body,
            R"({"type":"comment.updated","data":{"postId":"p","comment":)" + head +
                R"(,"postId":"p","updatedAt":"2023-11-14T22:13:20.001Z"}})" + tail);
  carillon.answer(200);

  service->broadcast_comment_deleted(made.post, made.id);
  EXPECT_EQ(carillon.calls.front().request.body,
            R"({"type":"comment.deleted","data":{"postId":"p","commentId":")" + made.id.str() + "\"}" + tail);
  carillon.answer(200);

  made.updated_at = 0;
  service->broadcast_comments_list(made.post, {.comments = {made}, .count = 5});
  EXPECT_EQ(carillon.calls.front().request.body,
            R"({"type":"comments.list","data":{"postId":"p","comments":[)" + head +
                R"(,"postId":"p"}],"count":5})" + tail);
  carillon.answer(200);

  service->broadcast_test("a \"test\"");
  EXPECT_EQ(carillon.calls.front().request.body, R"({"type":"test","data":{"message":"a \"test\""})" + tail);
  carillon.answer(200);
  EXPECT_EQ(service->figures().sent, 5u);
  EXPECT_EQ(service->waiting(), 0u);
}

TEST_F(Broadcasts, are_posted_with_a_publishers_token_of_our_own) {
  service->broadcast_new_comment(comment("p", "x"));
  const auto& call = carillon.calls.front();
  EXPECT_EQ(call.request.method, "POST");
  EXPECT_EQ(call.request.url, "http://localhost:3001/broadcast");
  EXPECT_EQ(call.header("Content-Type"), "application/json");
  const std::string bearer = call.header("Authorization");
  ASSERT_EQ(bearer.find("Bearer "), 0u);
  const auto verdict =
      authorizer::JwtVerifier(token_settings()).verify(bearer.substr(7), carillon.now.wall, nullptr);
  ASSERT_TRUE(verdict.identity) << verdict.identity.error().details();
  EXPECT_TRUE((*verdict.identity)->may_publish_anywhere);
  EXPECT_FALSE((*verdict.identity)->is_admin);
}

TEST_F(Broadcasts, never_go_out_with_an_old_token) {
  for (int minutes = 0; minutes < 60; ++minutes) {
    service->broadcast_test("x");
    const std::string bearer = carillon.calls.front().header("Authorization");
    const auto verdict = authorizer::JwtVerifier(token_settings())
                             .verify(bearer.substr(7), carillon.now.wall + 60'000, nullptr);
    ASSERT_TRUE(verdict.identity) << minutes << " min: " << verdict.identity.error().details();
    carillon.answer(200);
    carillon.pass(std::chrono::minutes(1));
  }
}

TEST_F(Broadcasts, of_one_post_go_out_one_after_the_other) {
  service->broadcast_new_comment(comment("p", "1"));
  service->broadcast_new_comment(comment("p", "2"));
  service->broadcast_new_comment(comment("q", "other"));
  ASSERT_EQ(carillon.calls.size(), 2u) << "posts do not wait for one another";
  EXPECT_NE(carillon.calls[0].request.body.find("\"1\""), std::string::npos);
  EXPECT_NE(carillon.calls[1].request.body.find("other"), std::string::npos);
  carillon.answer(200);
  ASSERT_EQ(carillon.calls.size(), 2u);
  EXPECT_NE(carillon.calls[1].request.body.find("\"2\""), std::string::npos);
}

TEST_F(Broadcasts, are_tried_again_with_the_same_key_and_body_before_the_next) {
  service->broadcast_new_comment(comment("p", "1"));
  service->broadcast_new_comment(comment("p", "2"));
  const std::string key = carillon.calls.front().header("Idempotency-Key");
  const std::string body = carillon.calls.front().request.body;
  EXPECT_TRUE(base::MessageId::parse(key));
  const std::vector<int> statuses{500, 503, 429, 408, 0};
  for (const int status : statuses) {
    status == 0 ? carillon.fail() : carillon.answer(status);
    EXPECT_TRUE(carillon.calls.empty()) << "it waits before it tries again";
    ASSERT_TRUE(carillon.pass_to_next());
    ASSERT_EQ(carillon.calls.size(), 1u);
    EXPECT_EQ(carillon.calls.front().header("Idempotency-Key"), key);
    EXPECT_EQ(carillon.calls.front().request.body, body);
  }
  carillon.answer(200);
  EXPECT_NE(carillon.calls.front().request.body.find("\"2\""), std::string::npos);
  EXPECT_NE(carillon.calls.front().header("Idempotency-Key"), key);
  carillon.answer(200);
  EXPECT_EQ(service->figures().sent, 2u);
  EXPECT_EQ(service->figures().failed, 0u);
}

TEST_F(Broadcasts, are_given_up_after_a_few_attempts) {
  service->broadcast_new_comment(comment("p", "1"));
  while (!carillon.calls.empty()) {
    carillon.fail();
    carillon.pass_to_next();
  }
  EXPECT_EQ(carillon.sent, 7);
  EXPECT_EQ(service->figures().failed, 1u);
  EXPECT_EQ(service->waiting(), 0u);
}

TEST_F(Broadcasts, that_are_refused_are_not_tried_again) {
  for (const int status : {400, 401, 403, 404, 413, 301}) {
    service->broadcast_new_comment(comment("p", "1"));
    carillon.answer(status);
    EXPECT_TRUE(carillon.calls.empty()) << status;
    EXPECT_FALSE(carillon.pass_to_next()) << status;
  }
  EXPECT_EQ(service->figures().failed, 6u);
}

TEST_F(Broadcasts, that_waited_too_long_are_not_sent) {
  service->broadcast_new_comment(comment("p", "1"));
  service->broadcast_new_comment(comment("p", "2"));
  carillon.pass(std::chrono::seconds(29));
  service->broadcast_new_comment(comment("p", "3"));
  carillon.pass(std::chrono::seconds(2));
  carillon.answer(200);
  ASSERT_EQ(carillon.calls.size(), 1u);
  EXPECT_NE(carillon.calls.front().request.body.find("\"3\""), std::string::npos);
  carillon.answer(200);
  EXPECT_EQ(service->figures().sent, 2u);
  EXPECT_EQ(service->figures().failed, 1u);
  EXPECT_EQ(service->waiting(), 0u);
}

TEST_F(Broadcasts, over_the_bound_are_dropped_and_counted) {
  service = make(2);
  for (int i = 0; i < 5; ++i) service->broadcast_new_comment(comment("p", "x"));
  EXPECT_EQ(service->waiting(), 2u);
  EXPECT_EQ(service->figures().dropped, 3u);
  carillon.answer(200);
  service->broadcast_new_comment(comment("p", "x"));
  EXPECT_EQ(service->waiting(), 2u);
  EXPECT_EQ(service->figures().dropped, 3u);
}

TEST_F(Broadcasts, a_client_that_refuses_at_once_does_no_harm) {
  carillon.refuses_at_once = true;
  for (int i = 0; i < 1000; ++i) service->broadcast_new_comment(comment("p", "x"));
  EXPECT_EQ(carillon.sent, 1);
  while (carillon.pass_to_next()) {
  }
  EXPECT_EQ(service->figures().failed, 1000u);
  EXPECT_EQ(service->waiting(), 0u);
}

TEST_F(Broadcasts, answers_that_come_when_the_service_is_gone_do_nothing) {
  service->broadcast_new_comment(comment("p", "x"));
  bool told = false;
  service->count_connections([&](base::Result<std::uint64_t>) { told = true; });
  service.reset();
  carillon.answer(500);
  carillon.answer(200, "{\"count\":1}");
  EXPECT_FALSE(told);
}

TEST_F(Broadcasts, when_idle_tells_once_all_are_through) {
  int idle = 0;
  service->when_idle([&] { ++idle; });
  EXPECT_EQ(idle, 1);
  service->broadcast_new_comment(comment("p", "x"));
  service->broadcast_new_comment(comment("q", "x"));
  service->when_idle([&] { ++idle; });
  carillon.answer(200);
  EXPECT_EQ(idle, 1);
  carillon.answer(403);
  EXPECT_EQ(idle, 2);
}

TEST_F(Broadcasts, counting_connections_asks_carillon) {
  std::vector<std::string> told;
  const auto ask = [&] {
    service->count_connections([&](base::Result<std::uint64_t> count) {
      told.push_back(count ? std::to_string(*count) : std::string(count.error().code()));
    });
  };
  ask();
  EXPECT_EQ(carillon.calls.front().request.method, "GET");
  EXPECT_EQ(carillon.calls.front().request.url, "http://localhost:3001/websocket/connections");
  EXPECT_EQ(carillon.calls.front().header("Authorization").find("Bearer "), 0u);
  carillon.answer(200, R"({"status":"healthy","count":3})");
  for (const char* body : {"", "{}", R"({"count":"3"})", R"({"count":-1})", R"({"count":1.5})", "[3]"}) {
    ask();
    carillon.answer(200, body);
  }
  ask();
  carillon.answer(500, R"({"count":3})");
  ask();
  carillon.fail();
  ASSERT_EQ(told.size(), 9u);
  EXPECT_EQ(told.front(), "3");
  for (std::size_t i = 1; i < told.size(); ++i) EXPECT_EQ(told[i], "unavailable") << i;
}

TEST_F(Broadcasts, questions_are_bounded) {
  int overloaded = 0;
  const auto ask = [&] {
    service->count_connections([&](base::Result<std::uint64_t> count) {
      if (!count && count.error().is(model::errors::kOverloaded)) ++overloaded;
    });
  };
  for (std::size_t i = 0; i < WebSocketService::kMaxQuestions + 2; ++i) ask();
  EXPECT_EQ(carillon.calls.size(), WebSocketService::kMaxQuestions);
  EXPECT_EQ(overloaded, 2);
  carillon.answer(200, R"({"count":3})");
  ask();
  EXPECT_EQ(overloaded, 2);
}

}  // namespace
}  // namespace carillon::comments_api
