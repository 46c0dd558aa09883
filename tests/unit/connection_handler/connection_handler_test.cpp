#include "unit/connection_handler/handler_fixture.hpp"

namespace carillon::connection_handler::testing {
namespace {

TEST_F(ConnectionHandlerTest, tells_versioned_clients_who_they_are) {
  const auto admission = connect("token=user:ann&chatId=a,b&chatId=b", {"chat", "carillon.v1"});
  ASSERT_TRUE(admission);
  EXPECT_EQ(admission->subprotocol, "carillon.v1");
  EXPECT_EQ(admission->first_frame.find(
                R"({"type":"connected","connectionId":"c-1","userId":"ann","chatIds":["a","b"],)"
                R"("serverTime":)"),
            0u);
  EXPECT_TRUE(admission->first_frame.ends_with(R"(,"heartbeatSeconds":25,"storeEpoch":"epoch-1"})"));
}

TEST_F(ConnectionHandlerTest, tells_plain_clients_nothing) {
  const auto admission = connect("token=user:ann");
  ASSERT_TRUE(admission);
  EXPECT_EQ(admission->subprotocol, "");
  EXPECT_EQ(admission->first_frame, "");
}

TEST_F(ConnectionHandlerTest, reads_what_a_connect_asks_for) {
  ASSERT_TRUE(connect("token=user:ann&userId=ann&chatId=*&orgId=o%201&hubId=h&projectId=p"));
  EXPECT_TRUE(directory_.every_chat);
  EXPECT_EQ(directory_.record->memberships, (std::vector<model::Target>{{model::TargetClass::org, "o 1"},
                                                                        {model::TargetClass::hub, "h"},
                                                                        {model::TargetClass::project, "p"}}));
}

TEST_F(ConnectionHandlerTest, refuses_a_connect_that_cannot_be) {
  EXPECT_TRUE(connect("token=nobody").error().is(errors::kUnauthorized));
  EXPECT_TRUE(connect("token=user:ann&userId=bob").error().is(errors::kUserIdMismatch));
  EXPECT_TRUE(connect("token=user:ann&chatId=a%0ab").error().is(errors::kInvalidParameter));
  EXPECT_TRUE(connect("token=user:ann&orgId=a,b").error().is(errors::kInvalidParameter));
}

TEST_F(ConnectionHandlerTest, checks_what_an_upgrade_would_ask_for) {
  EXPECT_TRUE(check(""));
  EXPECT_EQ(directory_.checked, std::vector<std::string>());
  EXPECT_TRUE(check("userId=ann&chatId=a,b&chatId=*&orgId=o"));
  EXPECT_EQ(directory_.checked, (std::vector<std::string>{"a", "b", "org:o"}));
  EXPECT_TRUE(check("userId=bob").error().is(errors::kUserIdMismatch));
  EXPECT_TRUE(check("chatId=%01").error().is(errors::kInvalidParameter));
  directory_.full = true;
  EXPECT_TRUE(check("").error().is(errors::kTooManyConnections));
  EXPECT_EQ(directory_.record, nullptr);
}

TEST_F(ConnectionHandlerTest, takes_the_connection_out_when_it_is_gone) {
  handler_.on_disconnect(model::ConnectionId("c-1"), {1000, true});
  EXPECT_EQ(directory_.disconnected, model::ConnectionId("c-1"));
}

TEST_F(ConnectionHandlerTest, answers_subscriptions_with_what_there_is_now) {
  EXPECT_EQ(frame(R"({"action":"subscribe","chatIds":["a","secret-1"],"requestId":"r\"1"})"),
            R"({"type":"subscribed","chatIds":["a"],"denied":["secret-1"],"requestId":"r\"1"})");
  EXPECT_EQ(frame(R"({"action":"unsubscribe","chatIds":["a"]})"),
            R"({"type":"subscribed","chatIds":[],"denied":[]})");
  for (const char* wrong :
       {R"({"action":"subscribe"})", R"({"action":"subscribe","chatIds":"a"})",
        R"({"action":"subscribe","chatIds":[]})", R"({"action":"subscribe","chatIds":["a,b"]})",
        R"({"action":"subscribe","chatIds":[7]})"})
    EXPECT_NE(frame(wrong).find("\"statusCode\":400"), std::string::npos) << wrong;
}

TEST_F(ConnectionHandlerTest, answers_ping_echo_and_presence) {
  EXPECT_EQ(frame(R"({"action":"ping","requestId":"7"})").find(R"({"type":"pong","serverTime":1)"), 0u);
  EXPECT_TRUE(socket_->sent.back().ends_with(R"(,"requestId":"7"})"));
  EXPECT_EQ(frame(R"( {"action":"echo", "any":[1.50]} )"), R"( {"action":"echo", "any":[1.50]} )");
  EXPECT_EQ(frame(R"({"action":"presence","chatId":"a"})"),
            R"({"type":"presence","chatId":"a","users":[{"userId":"ann","connections":2}]})");
  EXPECT_EQ(frame(R"({"action":"presence","chatId":"secret"})"),
            R"({"error":"Forbidden - No chat access","statusCode":403})");
}

TEST_F(ConnectionHandlerTest, refreshes_the_tokens_of_the_same_user_only) {
  EXPECT_EQ(frame(R"({"action":"refreshToken","token":"user:ann"})"),
            R"({"type":"tokenRefreshed","expiresAt":1760000000000})");
  EXPECT_NE(socket_->refreshed, nullptr);
  socket_->refreshed.reset();
  EXPECT_EQ(frame(R"({"action":"refreshToken","token":"user:bob"})"),
            R"({"error":"Forbidden - userId does not match token","statusCode":403})");
  EXPECT_EQ(frame(R"({"action":"refreshToken","token":"x"})"),
            R"({"error":"Unauthorized","statusCode":401,"details":"bad"})");
  EXPECT_NE(frame(R"({"action":"refreshToken"})").find("\"statusCode\":400"), std::string::npos);
  EXPECT_EQ(socket_->refreshed, nullptr);
}

TEST_F(ConnectionHandlerTest, hands_messages_to_the_publisher) {
  frame(R"({"action":"sendMessage","payload":{"a":1},"requestId":"1"})");
  frame(R"({"targetChannel":"WebSocket","payload":{"b":2}})");
  EXPECT_EQ(published_, (std::vector<std::string>{R"({"a":1}"1")", R"({"b":2})"}));
  EXPECT_TRUE(socket_->sent.empty());
}

TEST_F(ConnectionHandlerTest, refuses_the_rest_as_the_contract_says) {
  EXPECT_EQ(frame("hello"), R"({"error":"Invalid JSON in message body","statusCode":400})");
  EXPECT_EQ(frame(R"({"a":1,"a":2})"), R"({"error":"Invalid JSON in message body","statusCode":400})");
  for (const char* other : {"{}", R"({"action":"fly"})", R"({"action":7})", R"({"payload":{}})"})
    EXPECT_EQ(
        frame(other),
        R"({"error":"Missing required parameters: targetChannel and payload are required","statusCode":400})")
        << other;
}

TEST_F(ConnectionHandlerTest, repeats_no_request_id_that_is_too_long_or_no_text) {
  EXPECT_EQ(frame(R"({"action":"fly","requestId":7})").find("requestId"), std::string::npos);
  EXPECT_EQ(frame(R"({"action":"fly","requestId":")" + std::string(129, 'x') + "\"}").find("requestId"),
            std::string::npos);
  EXPECT_NE(frame(R"({"action":"fly","requestId":")" + std::string(128, 'x') + "\"}").find("requestId"),
            std::string::npos);
}

}  // namespace
}  // namespace carillon::connection_handler::testing
