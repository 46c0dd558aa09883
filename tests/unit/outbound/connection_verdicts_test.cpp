#include <algorithm>

#include "unit/outbound/connection_webhooks_fixture.hpp"

namespace carillon::outbound::testing {
namespace {

TEST_F(ConnectionWebhooksTest, TheReceiverDecidesOnAConnect) {
  start(true);
  auto first = connect(connection("c1")), second = connect(connection("c2"));
  auto one = http.next(), two = http.next();
  EXPECT_TRUE(webhooks->decides());
  EXPECT_TRUE(undecided(first));
  two.answer(403);
  const auto refused = second.get();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errors::kConnectionRejected));
  EXPECT_TRUE(undecided(first)) << "each for itself";
  one.answer(503);
  http.next().answer(202);
  EXPECT_TRUE(first.get());
  settle();
  EXPECT_TRUE(http.idle()) << "who was refused gets no disconnect";
  EXPECT_EQ(rejected("receiver"), 1);
  EXPECT_EQ(rejected("failure"), 0);
  EXPECT_EQ(told("connect", "sent"), 2) << "an answer is an answer";
}

TEST_F(ConnectionWebhooksTest, WhereNobodyDecidesTheConnectIsRefusedForNow) {
  start(true);
  auto verdict = connect(connection("c1"));
  for (const int status : {500, 404, 302}) http.next().answer(status);
  const auto refused = verdict.get();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errors::kUnavailable));
  EXPECT_GT(refused.error().retry_after_ms(), 0);
  settle();
  EXPECT_TRUE(http.idle()) << "the receiver said each time that it did not take it";
  EXPECT_EQ(rejected("failure"), 1);
  EXPECT_EQ(told("connect", "failed"), 1);
}

TEST_F(ConnectionWebhooksTest, WhatTheReceiverMayBelieveOpenIsToldClosed) {
  start(true);
  auto verdict = connect(connection("c1"));
  http.next().answer(500);
  http.next().fail();
  http.next().answer(500);
  EXPECT_FALSE(verdict.get());
  auto closed = http.next();
  EXPECT_EQ(field(closed, "type"), "disconnect");
  EXPECT_EQ(field(closed, "connectionId"), "c1");
  EXPECT_EQ(field(closed, "reason"), "not admitted");
  closed.answer(200);
  EXPECT_EQ(told("disconnect", "sent"), 1);
}

TEST_F(ConnectionWebhooksTest, NoRoomIsNoVerdict) {
  auto with = settings(true);
  with.limits = {.under_way = 1, .under_way_of_group = 1, .waiting = 1};
  start(with);
  auto first = connect(connection("c1")), second = connect(connection("c2")),
       third = connect(connection("c3"));
  EXPECT_TRUE(decided(third).error().is(errors::kUnavailable));
  http.next().answer(200);
  EXPECT_TRUE(decided(first));
  http.next().answer(200);
  EXPECT_TRUE(decided(second));
  settle();
  EXPECT_TRUE(http.idle()) << "who was never asked about is not told closed";
}

TEST_F(ConnectionWebhooksTest, AFullQueueRefusesTheNewcomerAlone) {
  auto with = settings(true);
  with.verdict_plan.pauses = {seconds(10)};
  start(with);
  std::vector<Verdict> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(connect(connection("c" + std::to_string(i))));
    http.next().answer(500);
  }
  settle();
  auto newcomer = connect(connection("new"));
  EXPECT_TRUE(decided(newcomer).error().is(errors::kUnavailable));
  for (Verdict& each : waiting) EXPECT_TRUE(undecided(each));
  EXPECT_EQ(rejected("failure"), 1);
  EXPECT_TRUE(http.idle());
}

TEST_F(ConnectionWebhooksTest, SoDoesTheLargestQueue) {
  auto with = settings(true);
  with.verdict_plan = {.pauses = {seconds(60)}, .in_all = seconds(120)};
  with.limits = {};
  start(with);
  std::vector<Verdict> waiting;
  for (std::size_t i = 0; i < with.limits.waiting; ++i) {
    waiting.push_back(connect(connection("c" + std::to_string(i))));
    http.next().fail();
  }
  settle();
  for (int i = 0; i < 3; ++i) {
    auto newcomer = connect(connection("new" + std::to_string(i)));
    EXPECT_TRUE(decided(newcomer).error().is(errors::kUnavailable));
  }
  EXPECT_TRUE(std::ranges::all_of(waiting, undecided));
  webhooks->stop(milliseconds(1));
  for (Verdict& each : waiting) EXPECT_TRUE(decided(each).error().is(errors::kUnavailable));
}

TEST_F(ConnectionWebhooksTest, AReceiverThatWasNeverReachedHearsNothing) {
  start(true);
  auto verdict = connect(connection("c1"));
  http.next().fail_unsent();
  http.next().answer(500);
  http.next().fail_unsent();
  EXPECT_TRUE(decided(verdict).error().is(errors::kUnavailable));
  settle();
  EXPECT_TRUE(http.idle());
}

TEST_F(ConnectionWebhooksTest, AClientThatGoesIsAskedAboutNoMore) {
  start(true);
  std::stop_source gone;
  auto before = connect(connection("c0"), [] {
    std::stop_source at_once;
    at_once.request_stop();
    return at_once.get_token();
  }());
  EXPECT_FALSE(decided(before));
  auto with = settings(true);
  with.verdict_plan.pauses = {seconds(10)};
  start(with);
  auto failed = connect(connection("c1"), gone.get_token()),
       reached = connect(connection("c2"), gone.get_token());
  http.next().answer(500);
  http.next().fail();
  settle();
  std::stop_source other;
  std::map<std::string, Verdict> asked;
  std::map<std::string, FakeHttp::Sent> sent;
  for (const char* id : {"yes", "no", "fails"}) {
    asked.emplace(id, connect(connection(id), other.get_token()));
    sent.emplace(id, http.next());
  }
  gone.request_stop();
  EXPECT_FALSE(decided(failed)) << "long before its next attempt";
  EXPECT_FALSE(decided(reached));
  auto closed = http.next();
  EXPECT_EQ(field(closed, "connectionId"), "c2") << "the one that may be known";
  EXPECT_EQ(field(closed, "reason"), "not admitted");
  closed.answer(200);
  other.request_stop();
  sent.at("no").answer(403);
  EXPECT_TRUE(decided(asked.at("no")).error().is(errors::kConnectionRejected));
  sent.at("fails").answer(500);
  EXPECT_FALSE(decided(asked.at("fails"))) << "no second attempt";
  sent.at("yes").answer(200);
  EXPECT_FALSE(decided(asked.at("yes"))) << "there is nobody to let in";
  closed = http.next();
  EXPECT_EQ(field(closed, "connectionId"), "yes");
  closed.answer(200);
  settle();
  EXPECT_TRUE(http.idle());
  EXPECT_EQ(rejected("failure"), 0) << "nobody failed them";
  EXPECT_EQ(told("connect", "failed"), 0);
}

TEST_F(ConnectionWebhooksTest, WhoWasLetInAndIsNotToBeIsToldClosed) {
  start(true);
  auto verdict = connect(connection("c1"));
  http.next().answer(200);
  EXPECT_TRUE(decided(verdict));
  webhooks->not_admitted(connection("c1"));
  auto closed = http.next();
  EXPECT_EQ(field(closed, "reason"), "not admitted");
  closed.answer(200);
  webhooks->admit_nobody();
  auto later = connect(connection("c2"));
  http.next().answer(200);
  EXPECT_FALSE(decided(later));
  EXPECT_EQ(field(http.next(), "connectionId"), "c2");
}

TEST_F(ConnectionWebhooksTest, AVerdictThatTakesTooLongIsNone) {
  auto with = settings(true);
  with.limits = {.under_way = 1, .under_way_of_group = 1};
  with.verdict_plan.in_all = milliseconds(50);
  start(with);
  auto first = connect(connection("c1")), second = connect(connection("c2"));
  auto held = http.next();
  EXPECT_LE(held.request.timeout, milliseconds(50));
  EXPECT_TRUE(second.get().error().is(errors::kUnavailable)) << "though it was never sent";
  held.fail();
  EXPECT_TRUE(first.get().error().is(errors::kUnavailable));
  EXPECT_EQ(field(http.next(), "connectionId"), "c1");
}

TEST_F(ConnectionWebhooksTest, AStopEndsAllVerdictsThatArePending) {
  auto with = settings(true);
  with.verdict_plan = {.pauses = {milliseconds(1), seconds(30)}, .in_all = seconds(60)};
  with.limits = {.under_way = 2, .under_way_of_group = 2, .waiting = 64};
  start(with);
  std::vector<Verdict> verdicts;
  for (int i = 0; i < 40; ++i) verdicts.push_back(connect(connection("c" + std::to_string(i))));
  for (int i = 0; i < 60; ++i) http.next().fail();
  auto held = http.next();
  settle();
  webhooks->stop(milliseconds(5));
  for (Verdict& each : verdicts) EXPECT_TRUE(decided(each).error().is(errors::kUnavailable));
  held.answer(200);
  settle();
  EXPECT_EQ(told("connect", "failed"), 40);
  EXPECT_EQ(figure("carillon_connection_events_waiting"), 0);
}

/// All that is late comes up in one look at the clock, while the sender finishes: each is told of, and what
/// that makes it send is given up in its turn.
TEST_F(ConnectionWebhooksTest, VerdictsThatAreLateTogetherAtAStopEndOnce) {
  auto with = settings(true);
  with.verdict_plan = {.pauses = {seconds(30)}, .in_all = milliseconds(60)};
  with.limits = {.under_way = 64, .under_way_of_group = 48, .waiting = 64};
  start(with);
  std::vector<Verdict> verdicts;
  std::vector<FakeHttp::Sent> held;
  for (int i = 0; i < 60; ++i) verdicts.push_back(connect(connection("c" + std::to_string(i))));
  for (int i = 0; i < 48; ++i) held.push_back(http.next());
  webhooks->stop(milliseconds(60));
  for (Verdict& each : verdicts) EXPECT_FALSE(decided(each));
  EXPECT_EQ(told("connect", "failed"), 60);
}

}  // namespace
}  // namespace carillon::outbound::testing
