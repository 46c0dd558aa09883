#include "metric_collector/client_sample_routes.hpp"

#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/message_retrieval/fake_history.hpp"

namespace carillon::metric_collector {
namespace {

using ports::HttpResponse;
using testing::ElementsAre;

const std::string kId = "0190a5c0-7d2e-7abc-8def-0123456789ab";

/// Knows no message.
class NoTimes : public ports::MessageTimesWindow {
 public:
  std::optional<ports::MessageTimes> find(const model::MessageId&) const override { return std::nullopt; }
};

class ClientSampleRoutesTest : public testing::Test {
 protected:
  ClientSampleRoutesTest() {
    auto message = std::make_shared<model::Message>();
    message->id = model::MessageId::parse(kId).value();
    message->published_at = base::now_ms() - 500;
    history.message_answer = message;
    loop.start();
  }
  ~ClientSampleRoutesTest() override { loop.stop(); }

  std::future<HttpResponse> send(std::string body, const std::string& user = "ann") {
    auto identity = std::make_shared<model::Identity>();
    identity->user = model::UserId(user);
    ports::HttpRequest request;
    request.body = std::move(body);
    request.identity = identity;
    auto answered = std::make_shared<std::promise<HttpResponse>>();
    auto future = answered->get_future();
    routes.at(0).handler(std::move(request),
                         [answered](HttpResponse response) { answered->set_value(std::move(response)); });
    return future;
  }
  HttpResponse post(std::string body) { return send(std::move(body)).get(); }
  double refused(std::string_view reason) const {
    ports::MetricSet set;
    latencies.collect(set);
    for (const auto& each : set.find("carillon_client_samples_refused_total")->samples)
      if (each.labels.at(0).second == reason) return each.value;
    ADD_FAILURE() << reason;
    return -1;
  }
  std::string single() const {
    return "{\"messageId\":\"" + kId +
           "\",\"clientReceivedAt\":" + std::to_string(history.message_answer->published_at + 100) + '}';
  }

  message_retrieval::FakeHistory history;
  NoTimes times;
  ClientLatencies latencies{std::chrono::milliseconds(1000)};
  base::EventLoop loop{"test"};
  std::vector<ports::Route> routes = client_sample_routes(loop, latencies, history, times);
};

TEST_F(ClientSampleRoutesTest, AreForAnybodyWithAToken) {
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes[0].method + ' ' + routes[0].path, "POST /metrics");
  EXPECT_EQ(routes[0].access, ports::Access::token);
}

TEST_F(ClientSampleRoutesTest, ASingleSampleIsAskedForInTheUsersName) {
  const auto answer = post(single());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"message":"Metrics recorded","count":1})");
  EXPECT_EQ(post(single()).body, R"({"message":"Metrics recorded","count":0})");
  EXPECT_THAT(history.calls, ElementsAre("ann: message " + kId, "ann: message " + kId));
}

TEST_F(ClientSampleRoutesTest, ABatchAsksForNothing) {
  EXPECT_EQ(post(R"({"latencies":[1,2.5,{"endToEndMs":3}],"jitter":1})").body,
            R"({"message":"Metrics recorded","count":3})");
  EXPECT_TRUE(history.calls.empty());
}

TEST_F(ClientSampleRoutesTest, WhatMayNotBeReadIsNotFoundAndOtherErrorsStayThemselves) {
  history.refusal = base::Error(model::errors::kNotFound);
  EXPECT_EQ(post(single()).status, 404);
  history.refusal = base::Error(model::errors::kOverloaded);
  EXPECT_EQ(post(single()).status, 503);
  EXPECT_EQ(refused("unknown_message"), 1);
  EXPECT_EQ(refused("unavailable"), 1);
}

TEST_F(ClientSampleRoutesTest, WhatIsNoSampleIs400) {
  EXPECT_EQ(post("{}").status, 400);
  EXPECT_EQ(post("").status, 400);
  EXPECT_EQ(post(R"({"latencies":[1e400]})").status, 400);
  EXPECT_EQ(refused("malformed"), 3);
}

TEST_F(ClientSampleRoutesTest, WhoIsOverTheBudgetIsNotEvenRead) {
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(latencies.admit("ann", base::monotonic_now() + std::chrono::hours(1)));
  EXPECT_EQ(post("no JSON").status, 429);
  EXPECT_EQ(refused("rate"), 1);
  EXPECT_EQ(refused("malformed"), 0);
}

TEST_F(ClientSampleRoutesTest, WhatCannotBeReadCostsAsMuchAsASample) {
  for (int i = 0; i < 999; ++i)
    ASSERT_TRUE(latencies.admit("ann", base::monotonic_now() + std::chrono::hours(1)));
  EXPECT_EQ(post("no JSON").status, 400);
  EXPECT_EQ(post("no JSON").status, 429);
}

TEST_F(ClientSampleRoutesTest, OverTheBudgetIs429WithRetryAfter) {
  std::string thousand = "{\"latencies\":[1";
  for (int i = 1; i < 1000; ++i) thousand += ",1";
  thousand += "]}";
  EXPECT_EQ(post(thousand).status, 200);
  const auto answer = post(thousand);
  EXPECT_EQ(answer.status, 429);
  EXPECT_TRUE(std::ranges::any_of(answer.headers, [](const auto& each) {
    return each.first == "Retry-After" && std::stoi(each.second) >= 1;
  }));
}

TEST_F(ClientSampleRoutesTest, ABoundedNumberWaitsForTheLoopOfOneUserAsOfAll) {
  std::promise<void> held;
  loop.post([future = held.get_future()]() mutable { future.wait(); });
  const std::string jitter = R"({"jitter":1})";
  std::vector<std::future<HttpResponse>> waiting;
  for (int i = 0; i < 16; ++i) waiting.push_back(send(jitter));
  EXPECT_EQ(post(jitter).status, 503);
  for (int i = 16; i < 256; ++i) waiting.push_back(send(jitter, "user" + std::to_string(i / 16)));
  EXPECT_EQ(send(jitter, "ben").get().status, 503);
  EXPECT_EQ(refused("unavailable"), 2);
  held.set_value();
  for (auto& each : waiting) EXPECT_EQ(each.get().status, 200);
  EXPECT_EQ(post(jitter).status, 200) << "places are given back";
}

}  // namespace
}  // namespace carillon::metric_collector
