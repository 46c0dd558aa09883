#include "outbound/connection_event_json.hpp"
#include "outbound/standard_webhooks.hpp"
#include "unit/outbound/connection_webhooks_fixture.hpp"

namespace carillon::outbound::testing {
namespace {

TEST_F(ConnectionWebhooksTest, PostsBothSigned) {
  start(false);
  EXPECT_FALSE(webhooks->decides());
  webhooks->connected(connection("c1"));
  auto sent = http.next();
  EXPECT_EQ(sent.request.method, "POST");
  EXPECT_EQ(sent.request.url, "http://127.0.0.1/connect");
  EXPECT_EQ(sent.request.timeout, seconds(5));
  EXPECT_EQ(sent.header("content-type"), "application/json");
  const std::string timestamp = field(sent, "timestamp");
  EXPECT_EQ(sent.request.body, R"({"type":"connect","connectionId":"c1","userId":"ann","chatIds":["a","b"],)"
                               R"("orgId":"acme","projectId":"p","sourceIp":"192.0.2.1",)"
                               R"("userAgent":"agent \"7\"","timestamp":")" +
                                   timestamp + "\"}");
  EXPECT_EQ(webhook_headers("key", sent.header("webhook-id"),
                            std::stoll(sent.header("webhook-timestamp")) * 1000, sent.request.body)
                .at(2)
                .second,
            sent.header("webhook-signature"));
  sent.answer(204);
  webhooks->disconnected(connection("c1", {"c"}), {4401, false});
  auto last = http.next();
  EXPECT_EQ(last.request.url, "http://127.0.0.1/disconnect");
  EXPECT_EQ(
      last.request.body,
      R"({"type":"disconnect","connectionId":"c1","userId":"ann","chatIds":["c"],"reason":"token expired",)"
      R"("code":4401,"connectedAt":"2027-01-15T08:00:00.123Z","timestamp":")" +
          field(last, "timestamp") + "\"}");
  EXPECT_NE(last.header("webhook-id"), sent.header("webhook-id"));
  last.answer(200);
  EXPECT_EQ(told("connect", "sent"), 1);
  EXPECT_EQ(told("disconnect", "sent"), 1);
  EXPECT_EQ(figure("carillon_connection_events_waiting"), 0);
}

TEST_F(ConnectionWebhooksTest, ADisconnectWaitsForItsConnectAndForNoOther) {
  start(false);
  webhooks->connected(connection("c1"));
  webhooks->disconnected(connection("c1"), {1000, true});
  webhooks->disconnected(connection("c0"), {1006, false});
  auto connected = http.next(), other = http.next();
  EXPECT_EQ(field(connected, "type"), "connect");
  EXPECT_EQ(field(other, "connectionId"), "c0");
  EXPECT_EQ(field(other, "reason"), "connection lost");
  settle();
  EXPECT_TRUE(http.idle());
  EXPECT_EQ(figure("carillon_connection_events_waiting"), 3);
  connected.answer(500);
  auto again = http.next();
  EXPECT_EQ(again.header("webhook-id"), connected.header("webhook-id"));
  EXPECT_EQ(again.request.body, connected.request.body);
  again.answer(200);
  auto disconnected = http.next();
  EXPECT_EQ(field(disconnected, "type"), "disconnect");
  disconnected.fail();
  http.next().answer(403);
  http.next().answer(302);
  EXPECT_EQ(told("disconnect", "failed"), 1) << "three attempts, and 403 is one of them";
  other.answer(200);
  EXPECT_EQ(told("connect", "sent"), 1);
}

TEST_F(ConnectionWebhooksTest, WithoutAUrlNobodyIsAsked) {
  auto with = settings(true);
  with.on_connect.url.clear();
  start(with);
  EXPECT_FALSE(webhooks->decides());
  webhooks->connected(connection("c1"));
  webhooks->disconnected(connection("c1"), {1000, true});
  EXPECT_EQ(field(http.next(), "type"), "disconnect");
  with = settings(false);
  with.on_disconnect.url.clear();
  start(with);
  webhooks->disconnected(connection("c1"), {1000, true});
  webhooks->not_admitted(connection("c1"));
  webhooks->connected(connection("c2"));
  EXPECT_EQ(field(http.next(), "connectionId"), "c2");
}

TEST_F(ConnectionWebhooksTest, WhatWaitsIsBounded) {
  auto with = settings(false);
  with.limits = {.under_way = 1, .under_way_of_group = 1, .waiting = 2};
  start(with);
  for (int i = 0; i < 5; ++i) webhooks->disconnected(connection("c" + std::to_string(i)), {1000, true});
  EXPECT_EQ(told("disconnect", "failed"), 2);
  for (const char* id : {"c0", "c3", "c4"}) {
    auto sent = http.next();
    EXPECT_EQ(field(sent, "connectionId"), id);
    sent.answer(200);
  }
}

TEST_F(ConnectionWebhooksTest, AStopWaitsForWhatIsUnderWayAndNoLonger) {
  start(true);
  webhooks->disconnected(connection("c1"), {1001, false});
  auto pending = connect(connection("c2"));
  std::map<std::string, FakeHttp::Sent> sent;
  for (int i = 0; i < 2; ++i) {
    auto each = http.next();
    sent.emplace(field(each, "connectionId"), std::move(each));
  }
  auto stopped = std::async(std::launch::async, [&] { webhooks->stop(kPatience); });
  sent.at("c1").answer(200);
  EXPECT_EQ(stopped.wait_for(milliseconds(20)), std::future_status::timeout);
  sent.at("c2").answer(200);
  EXPECT_FALSE(pending.get()) << "there is no socket left to admit";
  auto closed = http.next();
  EXPECT_EQ(field(closed, "reason"), "not admitted");
  closed.answer(200);
  stopped.get();
  webhooks->disconnected(connection("c3"), {1000, true});
  settle();
  EXPECT_TRUE(http.idle());
  EXPECT_EQ(told("disconnect", "sent"), 2);
  EXPECT_EQ(told("disconnect", "failed"), 1) << "what comes later is given up";
  webhooks->stop(kPatience);
}

TEST_F(ConnectionWebhooksTest, AStopGivesUpWhatIsNotTaken) {
  auto with = settings(false);
  with.plan.pauses = {std::chrono::minutes(10)};
  start(with);
  webhooks->disconnected(connection("c1"), {1000, true});
  http.next().answer(500);
  settle();
  webhooks->stop(kPatience);
  EXPECT_EQ(told("disconnect", "failed"), 1) << "at once: its next attempt would come too late";
  start(with);
  webhooks->disconnected(connection("c2"), {1000, true});
  auto held = http.next();
  webhooks->stop(milliseconds(10));
  EXPECT_EQ(told("disconnect", "failed"), 1);
  held.answer(200);
  settle();
  EXPECT_EQ(told("disconnect", "sent"), 0);
}

TEST(ConnectionEventJson, ReasonsAreAFixedSet) {
  EXPECT_EQ(disconnect_reason({4403, true}), "client closed") << "whatever code the client chose";
  const std::map<std::uint16_t, std::string> reasons{{1000, "closed by the server"},
                                                     {1001, "draining"},
                                                     {1002, "protocol error"},
                                                     {1003, "protocol error"},
                                                     {1006, "connection lost"},
                                                     {1007, "protocol error"},
                                                     {1009, "message too large"},
                                                     {1011, "internal error"},
                                                     {1013, "slow consumer"},
                                                     {4401, "token expired"},
                                                     {4403, "disconnected by an operator"},
                                                     {4408, "heartbeat timeout"}};
  for (const auto& [code, reason] : reasons) EXPECT_EQ(disconnect_reason({code, false}), reason) << code;
}

TEST(ConnectionEventJson, AUserAgentThatIsNoTextIsLeftOut) {
  const auto odd = connection("c1");
  odd.record->user_agent = "\xff";
  EXPECT_EQ(boost::json::parse(connect_event_json(odd, 0)).at("userAgent").as_string(), "");
}

}  // namespace
}  // namespace carillon::outbound::testing
