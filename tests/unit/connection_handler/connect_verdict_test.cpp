#include "unit/connection_handler/handler_fixture.hpp"

namespace carillon::connection_handler::testing {
namespace {

TEST_F(ConnectionHandlerTest, tells_of_a_connection_once_it_is_registered) {
  ConnectionHandler handler = handler_with_events(false);
  const Answer answer = connect_to(handler, upgrade("token=user:ann&chatId=a", {"carillon.v1"}));
  ASSERT_TRUE(*answer && **answer);
  EXPECT_EQ(events_.told.record, directory_.record);
  EXPECT_EQ(events_.told.chat_ids, std::vector<std::string>{"a"});
  EXPECT_EQ(events_.asked.record, nullptr);
  handler.on_disconnect(model::ConnectionId("c-1"), {4408, false});
  EXPECT_EQ(events_.last.chat_ids, std::vector<std::string>{"at the end"});
  EXPECT_EQ(events_.ended.code, 4408);
  EXPECT_FALSE(events_.ended.by_client);
}

TEST_F(ConnectionHandlerTest, registers_a_connection_once_the_verdict_is_there) {
  ConnectionHandler handler = handler_with_events(true);
  std::stop_source gone;
  auto request = upgrade("token=user:ann&chatId=a,*", {"carillon.v1"});
  request.client_gone = gone.get_token();
  const Answer answer = connect_to(handler, std::move(request));
  EXPECT_EQ(directory_.record, nullptr);
  EXPECT_EQ(events_.asked.chat_ids, (std::vector<std::string>{"a", "granted"}));
  EXPECT_EQ(events_.client_gone, gone.get_token());
  EXPECT_FALSE(*answer);
  events_.verdicts.at(0)({});
  ASSERT_TRUE(*answer && **answer);
  EXPECT_EQ(directory_.record, events_.asked.record);
  EXPECT_TRUE(directory_.every_chat);
  EXPECT_EQ((**answer)->subprotocol, "carillon.v1");
  EXPECT_TRUE((**answer)->first_frame.contains(R"("chatIds":["a"])"));
  EXPECT_EQ(events_.told.record, nullptr) << "it was told by being asked";
}

TEST_F(ConnectionHandlerTest, a_rejected_connection_never_was) {
  ConnectionHandler handler = handler_with_events(true);
  for (const auto& error : {errors::kConnectionRejected, errors::kUnavailable}) {
    const Answer answer = connect_to(handler, upgrade("token=user:ann", {}));
    events_.verdicts.back()(model::fail(error));
    ASSERT_TRUE(*answer && !**answer);
    EXPECT_TRUE((*answer)->error().is(error));
  }
  EXPECT_EQ(directory_.record, nullptr);
  EXPECT_EQ(directory_.disconnected, model::ConnectionId());
  EXPECT_EQ(events_.last.record, nullptr);
  EXPECT_EQ(events_.refused_after.record, nullptr);
}

TEST_F(ConnectionHandlerTest, says_so_when_a_connection_that_was_let_in_cannot_be_registered) {
  ConnectionHandler handler = handler_with_events(true);
  const Answer answer = connect_to(handler, upgrade("token=user:ann", {}));
  directory_.full = true;
  events_.verdicts.at(0)({});
  ASSERT_TRUE(*answer && !**answer);
  EXPECT_TRUE((*answer)->error().is(errors::kTooManyConnections));
  EXPECT_EQ(events_.refused_after.record, events_.asked.record);
}

TEST_F(ConnectionHandlerTest, a_user_has_only_so_many_verdicts_that_wait) {
  ConnectionHandler handler = handler_with_events(true);
  std::vector<Answer> answers;
  for (int i = 0; i < 3; ++i) answers.push_back(connect_to(handler, upgrade("token=user:ann", {})));
  ASSERT_TRUE(*answers[2] && !**answers[2]);
  EXPECT_TRUE((*answers[2])->error().is(errors::kTooManyConnections));
  const Answer other = connect_to(handler, upgrade("token=user:bob", {}));
  EXPECT_FALSE(*other);
  for (auto& each : events_.verdicts) each(model::fail(errors::kUnavailable));
  EXPECT_EQ(events_.verdicts.size(), 3u);
  for (int i = 0; i < 2; ++i)
    EXPECT_FALSE(*connect_to(handler, upgrade("token=user:ann", {}))) << "free again";
}

TEST_F(ConnectionHandlerTest, tickets_are_refused_to_whom_the_receiver_has_just_rejected) {
  ConnectionHandler handler = handler_with_events(true);
  connect_to(handler, upgrade("token=user:ann&chatId=a,b&orgId=o", {}));
  events_.verdicts.back()(model::fail(errors::kConnectionRejected));
  EXPECT_TRUE(check("chatId=b&chatId=a&orgId=o").error().is(errors::kConnectionRejected));
  for (const char* other :
       {"", "chatId=a,b", "chatId=a,b,c&orgId=o", "chatId=a,b,*&orgId=o", "chatId=a,b&hubId=o"})
    EXPECT_TRUE(check(other)) << other;
  connect_to(handler, upgrade("token=user:ann", {}));
  events_.verdicts.back()(model::fail(errors::kUnavailable));
  EXPECT_TRUE(check("")) << "nobody decided";
  connect_to(handler, upgrade("token=user:ann&chatId=b,a&orgId=o", {}));
  events_.verdicts.back()({});
  EXPECT_TRUE(check("chatId=a,b&orgId=o")) << "it was let in since";
}

TEST(RejectedConnectsTest, remembers_for_a_while_and_only_so_many) {
  RejectedConnects rejected;
  base::Monotonic now{std::chrono::seconds(1000)};
  rejected.rejected("first", now);
  now += RejectedConnects::kRemembered - std::chrono::seconds(1);
  EXPECT_TRUE(rejected.contains("first", now));
  now += std::chrono::seconds(1);
  EXPECT_FALSE(rejected.contains("first", now));
  for (std::size_t i = 0; i < RejectedConnects::kMost; ++i) rejected.rejected(std::to_string(i), now);
  rejected.rejected("0", now);
  rejected.rejected("one more", now);
  EXPECT_TRUE(rejected.contains("0", now)) << "it was rejected again";
  EXPECT_FALSE(rejected.contains("1", now)) << "the oldest";
  EXPECT_TRUE(rejected.contains("one more", now));
  rejected.admitted("one more");
  EXPECT_FALSE(rejected.contains("one more", now));
}

TEST_F(ConnectionHandlerTest, asks_nobody_about_a_connect_that_is_refused_anyway) {
  ConnectionHandler handler = handler_with_events(true);
  handler.on_connect(upgrade("token=nobody", {}), [](auto) {});
  EXPECT_EQ(events_.asked.record, nullptr);
}

}  // namespace
}  // namespace carillon::connection_handler::testing
