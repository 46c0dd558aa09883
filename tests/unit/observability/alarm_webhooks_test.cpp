#include "observability/alarm_webhooks.hpp"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "outbound/standard_webhooks.hpp"
#include "unit/outbound/fake_http.hpp"

namespace carillon::observability {
namespace {

using outbound::testing::FakeHttp;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AlarmWebhooksTest : public testing::Test {
 protected:
  AlarmWebhooksTest() { loop.start(); }
  ~AlarmWebhooksTest() override { loop.stop(); }

  static metric_collector::AlarmChange change(std::size_t alarm = 0, std::string reason = "why") {
    using metric_collector::AlarmState;
    metric_collector::AlarmChange made{metric_collector::default_alarms().at(alarm), AlarmState::ok, {}};
    made.now = {AlarmState::alarm, 1500, 612.4, std::move(reason)};
    return made;
  }
  template <typename Task>
  void on_loop(Task task) {
    std::promise<void> done;
    loop.post([&] {
      task();
      done.set_value();
    });
    done.get_future().get();
  }
  void notify(const metric_collector::AlarmChange& what) {
    on_loop([&] { webhooks.notify(what); });
  }
  double count(std::string_view result) {
    double value = -1;
    on_loop([&] {
      ports::MetricSet set;
      webhooks.collect(set);
      for (const auto& each : set.find("carillon_alarm_webhooks_total")->samples)
        if (each.labels.at(0).second == result) value = each.value;
    });
    return value;
  }

  FakeHttp http;
  base::EventLoop loop{"test"};
  AlarmWebhooks webhooks{
      loop,
      http,
      {{"average-latency", {"http://127.0.0.1/a", "key"}}, {"p95-latency", {"http://127.0.0.1/b", "other"}}},
      {milliseconds(1), milliseconds(2)}};
};

TEST_F(AlarmWebhooksTest, PostsTheChangeSigned) {
  notify(change());
  auto sent = http.next();
  EXPECT_EQ(sent.request.method, "POST");
  EXPECT_EQ(sent.request.url, "http://127.0.0.1/a");
  EXPECT_EQ(sent.request.timeout, std::chrono::seconds(5));
  EXPECT_EQ(sent.header("content-type"), "application/json");
  EXPECT_THAT(sent.request.body, StartsWith(R"({"type":"alarm.state_changed","timestamp":")"));
  EXPECT_THAT(sent.request.body, HasSubstr(R"("previousState":"OK")"));
  const auto expected =
      outbound::webhook_headers("key", sent.header("webhook-id"),
                                std::stoll(sent.header("webhook-timestamp")) * 1000, sent.request.body);
  EXPECT_EQ(sent.header("webhook-signature"), expected.at(2).second);
  EXPECT_EQ(sent.header("webhook-id").find('.'), std::string::npos);
  sent.answer(204);
  EXPECT_EQ(count("sent"), 1);
  EXPECT_EQ(count("failed"), 0);
}

TEST_F(AlarmWebhooksTest, AlarmsWithoutAReceiverTellNobody) {
  notify(change(3));
  EXPECT_TRUE(http.idle());
}

TEST_F(AlarmWebhooksTest, TriesAgainUnderTheSameIdAndThenGivesUp) {
  notify(change());
  auto first = http.next();
  const std::string id = first.header("webhook-id");
  first.answer(500);
  auto second = http.next();
  EXPECT_EQ(second.header("webhook-id"), id);
  EXPECT_EQ(second.request.body, first.request.body);
  second.fail();
  auto third = http.next();
  EXPECT_EQ(third.header("webhook-id"), id);
  third.answer(302);
  EXPECT_EQ(count("failed"), 1);
  EXPECT_EQ(count("sent"), 0);
  notify(change());
  auto fresh = http.next();
  EXPECT_NE(fresh.header("webhook-id"), id) << "and the next change is told";
  fresh.answer(200);
  EXPECT_EQ(count("sent"), 1);
}

TEST_F(AlarmWebhooksTest, OneAlarmsChangesKeepTheirOrderAndHoldUpNoOther) {
  notify(change(0, "first"));
  notify(change(0, "second"));
  notify(change(1, "other"));
  auto first = http.next();
  auto other = http.next();
  EXPECT_EQ(other.request.url, "http://127.0.0.1/b");
  EXPECT_THAT(other.request.body, HasSubstr("other"));
  EXPECT_TRUE(http.idle());
  first.answer(500);
  auto again = http.next();
  EXPECT_THAT(again.request.body, HasSubstr("first"));
  again.answer(200);
  auto second = http.next();
  EXPECT_THAT(second.request.body, HasSubstr("second"));
  second.answer(200);
  other.answer(200);
  EXPECT_EQ(count("sent"), 3);
}

TEST_F(AlarmWebhooksTest, WhatWaitsIsBoundedAndTheOldestGivesWay) {
  for (std::size_t i = 0; i < AlarmWebhooks::kMaxWaiting + 3; ++i)
    notify(change(0, "number " + std::to_string(i) + '.'));
  EXPECT_EQ(count("failed"), 2);
  auto sent = http.next();
  EXPECT_THAT(sent.request.body, HasSubstr("number 0."));
  sent.answer(200);
  EXPECT_THAT(http.next().request.body, HasSubstr("number 3."));
}

TEST_F(AlarmWebhooksTest, WhatIsNotTakenAtTheStopIsGivenUp) {
  notify(change(0, "under way"));
  notify(change(0, "waiting"));
  notify(change(1, "tried again"));
  auto under_way = http.next();
  http.next().answer(500);
  const auto again = http.next();
  on_loop([&] { webhooks.stop(); });
  EXPECT_EQ(count("failed"), 3);
  notify(change());
  EXPECT_EQ(count("failed"), 4) << "what comes later, too";
  under_way.answer(500);
  on_loop([] {});
  on_loop([&] { webhooks.stop(); });
  EXPECT_EQ(count("failed"), 4) << "each once";
  EXPECT_EQ(count("sent"), 0);
  EXPECT_TRUE(http.idle());
}

}  // namespace
}  // namespace carillon::observability
