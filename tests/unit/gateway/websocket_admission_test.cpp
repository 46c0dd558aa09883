#include <future>

#include <gtest/gtest.h>

#include "unit/gateway/gateway_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using model::Target;
using std::chrono::seconds;

class AdmissionTest : public GatewayTest {
 protected:
  Answer ask(std::string_view request) {
    TestClient client(port());
    client.send(request);
    return client.answer();
  }
  /// Keeps the next upgrade undecided: `pending_` gets what decides it, `admission_` what would let it in.
  void hold() {
    handler_.connecting = [this](auto&, auto& done, auto& prepared) {
      admission_ = std::make_shared<ports::Admission>(prepared);
      auto taken = std::move(done);
      done = nullptr;
      pending_.set_value(std::move(taken));
    };
  }

  std::promise<ports::Completion<ports::Admission>> pending_;
  std::shared_ptr<ports::Admission> admission_;
};

TEST_F(AdmissionTest, TargetsCanBeAddedBeforeTheAdmission) {
  hold();
  start();
  TestClient client(port());
  client.send(upgrade_request("/", "Sec-WebSocket-Protocol: carillon.v1\r\n"));
  auto done = pending_.get_future().get();
  const auto id = subscribe(0, {Target::user("alice"), Target::chat("a")});
  gateway_->deliver(0, {run_of(Target::chat("a"), {"one", "two"})});
  EXPECT_EQ(outcome(1).delivered, 1u);
  EXPECT_EQ(outcome(2).delivered, 1u);
  done(std::move(*admission_));
  EXPECT_EQ(client.answer().status, 101);
  EXPECT_EQ(client.message().payload, R"({"type":"connected"})");
  EXPECT_EQ(client.message().payload, "one");
  EXPECT_EQ(client.message().payload, "two");
}

TEST_F(AdmissionTest, WhatWaitsForTheAdmissionIsBounded) {
  settings_.max_outbound_bytes = 200'000;
  hold();
  start();
  TestClient client(port());
  client.send(upgrade_request("/"));
  auto done = pending_.get_future().get();
  const auto id = subscribe(0, {Target::user("alice"), Target::chat("a")});
  for (ports::DeliveryId each = 1; each <= 10; ++each)
    gateway_->deliver(0, {run_of(Target::chat("a"), {std::string(150'000, 'x')}, each)});
  EXPECT_EQ(outcome(1).delivered, 1u);
  for (ports::DeliveryId each = 2; each <= 10; ++each) {
    const auto over = outcome(each, [](const auto& so_far) { return so_far.waiting == 0; });
    EXPECT_EQ(over.delivered, 0u) << each;
    EXPECT_EQ(over.gone + over.failed.size(), 1u) << each;
  }
  done(std::move(*admission_));
  EXPECT_EQ(client.answer().status, 101);
  EXPECT_EQ(client.message().payload.size(), 150'000u);
  EXPECT_EQ(client.message().close_code(), 1013);
  EXPECT_EQ(handler_.disconnected(id), 1013);
}

TEST_F(AdmissionTest, ASocketThatGoesAwayBeforeItsAdmissionIsReported) {
  hold();
  start();
  TestClient client(port());
  client.send(upgrade_request("/"));
  auto done = pending_.get_future().get();
  client.abort();
  done(std::move(*admission_));
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 1006);
  EXPECT_FALSE(handler_.closed_by_client(handler_.connection(0)));
  EXPECT_EQ(gateway_->connection_count(), 0u);
}

TEST_F(AdmissionTest, TheHandlerLearnsThatNobodyWaitsForItsDecision) {
  hold();
  start();
  TestClient closing(port()), aborting(port()), patient(port());
  const auto leave = [this](TestClient& client, const std::function<void()>& go) {
    client.send(upgrade_request("/"));
    const auto done = pending_.get_future().get();
    pending_ = {};
    std::promise<void> gone;
    EXPECT_FALSE(handler_.last_request.client_gone.stop_requested());
    const std::stop_callback on_gone(handler_.last_request.client_gone, [&gone] { gone.set_value(); });
    go();
    EXPECT_EQ(gone.get_future().wait_for(seconds(20)), std::future_status::ready);
  };
  leave(closing, [&] { closing.shutdown_write(); });
  leave(aborting, [&] { aborting.abort(); });
  leave(patient, [&] { advance(seconds(30)); });
}

TEST_F(AdmissionTest, AClientMayHaveGoneBeforeItsTurn) {
  std::promise<ports::HttpResponder> asked;
  add_route("GET", "/slow", ports::Access::open, [&asked](ports::HttpRequest, ports::HttpResponder answer) {
    asked.set_value(std::move(answer));
  });
  std::promise<bool> gone;
  handler_.connecting = [&gone](auto& request, auto&, auto&) {
    gone.set_value(request.client_gone.stop_requested());
  };
  start();
  TestClient client(port());
  client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + upgrade_request("/"));
  auto answer = asked.get_future().get();
  client.shutdown_write();
  settle();
  answer({});
  EXPECT_TRUE(gone.get_future().get());
}

TEST_F(AdmissionTest, AHandlerThatNeverDecidesIsAnswered503) {
  hold();
  start();
  TestClient client(port());
  client.send(upgrade_request("/"));
  auto done = pending_.get_future().get();
  settle();
  advance(seconds(30));
  EXPECT_EQ(client.answer().status, 503);
  done(std::move(*admission_));
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 1006);
}

TEST_F(AdmissionTest, ConnectsPerSecondAreLimited) {
  settings_.connects_per_second = 2;
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(open());
  const Answer refused = ask(upgrade_request("/"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused["retry-after"], "1");
  EXPECT_TRUE(refused.body.starts_with(R"({"error":"Too many requests","retryAfterMs":)"));
  advance(seconds(1));
  clients.push_back(open());
  gateway_->set_connects_per_second(0);
  for (int i = 0; i < 10; ++i) clients.push_back(open());
}

}  // namespace
}  // namespace carillon::gateway::testing
