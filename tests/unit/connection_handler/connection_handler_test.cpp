#include "connection_handler/connection_handler.hpp"

#include <gtest/gtest.h>

#include "connection_handler/connect_parameters.hpp"

namespace carillon::connection_handler {
namespace {

namespace errors = model::errors;

model::IdentityPtr identity(std::string user) {
  auto made = std::make_shared<model::Identity>();
  made->user = model::UserId(std::move(user));
  made->expires_at = 1760000000000;
  return made;
}

struct Socket final : ports::SocketHandle {
  void send(std::string text) override { sent.push_back(std::move(text)); }
  void close(std::uint16_t, std::string) override {}
  void set_identity(model::IdentityPtr given) override { refreshed = std::move(given); }
  std::vector<std::string> sent;
  model::IdentityPtr refreshed;
};

/// Lets in whoever asks for a token of the form `user:NAME`.
struct Tokens final : ports::Authenticator {
  void authenticate(std::string_view token, ports::Completion<model::IdentityPtr> done) override {
    if (!token.starts_with("user:")) return done(model::fail(errors::kUnauthorized, "bad"));
    done(identity(std::string(token.substr(5))));
  }
};

/// Allows every chat whose name does not begin with `secret`.
struct Directory final : ports::ConnectionDirectory {
  void connect(ports::ConnectionRecordPtr given, std::vector<std::string> chats, bool every,
               ports::Completion<std::vector<std::string>> done) override {
    record = std::move(given);
    every_chat = every;
    done(std::move(chats));
  }
  void subscribe(model::ConnectionId, std::vector<std::string> chats,
                 ports::Completion<ports::Subscription> done) override {
    ports::Subscription now;
    for (std::string& each : chats) (each.starts_with("secret") ? now.denied : now.chat_ids).push_back(each);
    done(std::move(now));
  }
  void unsubscribe(model::ConnectionId, std::vector<std::string>,
                   ports::Completion<ports::Subscription> done) override {
    done(ports::Subscription{});
  }
  void refresh(model::ConnectionId, model::IdentityPtr,
               ports::Completion<ports::Subscription> done) override {
    done(ports::Subscription{});
  }
  void disconnect(model::ConnectionId id) override { disconnected = id; }
  void close_user(model::UserId, ports::Completion<std::size_t> done) override { done(std::size_t{0}); }
  void list(std::optional<model::UserId>, std::optional<std::string>, std::size_t,
            ports::Completion<std::vector<ports::ConnectionView>> done) override {
    done({});
  }
  void presence(std::string chat, model::IdentityPtr,
                ports::Completion<std::vector<ports::PresentUser>> done) override {
    if (chat.starts_with("secret")) return done(model::fail(errors::kNoChatAccess));
    done(std::vector<ports::PresentUser>{{model::UserId("ann"), 2}});
  }
  std::size_t count() const override { return 0; }

  ports::ConnectionRecordPtr record;
  bool every_chat = false;
  model::ConnectionId disconnected;
};

class ConnectionHandlerTest : public ::testing::Test {
 protected:
  Directory directory_;
  Tokens tokens_;
  std::shared_ptr<Socket> socket_ = std::make_shared<Socket>();
  std::vector<std::string> published_;
  ConnectionHandler handler_{Dependencies{
      .directory = directory_,
      .authenticator = tokens_,
      .authorize_upgrade =
          [this](const ports::UpgradeRequest& request, ports::Completion<model::IdentityPtr> done) {
            tokens_.authenticate(request.http.query_value("token").value_or(""), std::move(done));
          },
      .send_message =
          [this](const ports::FrameContext&, const model::JsonDocument& document, std::string_view id) {
            published_.push_back(std::string(document.raw("payload")) + std::string(id));
          },
      .heartbeat_seconds = 25,
      .store_epoch = "epoch-1"}};

  std::string frame(std::string_view text) {
    const model::ConnectionId id("c-1");
    const model::IdentityPtr ann = identity("ann");
    const ports::SocketPtr socket = socket_;
    handler_.on_frame({id, ann, socket}, text);
    return socket_->sent.empty() ? "" : socket_->sent.back();
  }
  model::Result<ports::Admission> connect(std::string query, std::vector<std::string> subprotocols = {}) {
    ports::UpgradeRequest request;
    request.http.query = std::move(query);
    request.subprotocols = std::move(subprotocols);
    request.connection = model::ConnectionId("c-1");
    model::Result<ports::Admission> result = model::fail(errors::kInternal);
    handler_.on_connect(std::move(request), [&](auto admission) { result = std::move(admission); });
    return result;
  }
};

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

TEST_F(ConnectionHandlerTest, takes_the_connection_out_when_it_is_gone) {
  handler_.on_disconnect(model::ConnectionId("c-1"), 1000);
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
}  // namespace carillon::connection_handler
