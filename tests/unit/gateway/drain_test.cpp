#include <future>

#include <gtest/gtest.h>

#include "unit/gateway/gateway_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using model::Target;
using std::chrono::seconds;

class DrainTest : public GatewayTest {};

TEST_F(DrainTest, DrainSaysGoodbyeToEverybody) {
  add_route("GET", "/open", ports::Access::open, echo_route());
  std::promise<ports::HttpResponder> under_way;
  add_route("GET", "/later", ports::Access::open, [&](ports::HttpRequest, ports::HttpResponder respond) {
    under_way.set_value(std::move(respond));
  });
  start();
  const auto versioned = open("/", "Sec-WebSocket-Protocol: carillon.v1\r\n");
  EXPECT_EQ(versioned->message().payload, R"({"type":"connected"})");
  const auto plain = open();
  subscribe(1, {Target::chat("x")});
  TestClient busy(port());
  busy.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  auto respond = under_way.get_future().get();
  TestClient idle(port());
  idle.send("GET /open HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(idle.answer().status, 200);

  gateway_->deliver(0, {run_of(Target::chat("x"), {"queued"})});
  std::promise<void> drained;
  EXPECT_FALSE(gateway_->draining());
  gateway_->drain([&] { drained.set_value(); });
  EXPECT_TRUE(gateway_->draining());
  EXPECT_TRUE(idle.ended());
  EXPECT_EQ(plain->message().payload, "queued");
  EXPECT_TRUE(versioned->message().payload.starts_with(R"({"type":"reconnect","afterMs":)"));

  TestClient late(port());
  late.send(upgrade_request("/"));
  const Answer refused = late.answer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body, R"({"error":"Service draining"})");
  TestClient probe(port());
  probe.send("GET /open HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(probe.answer()["connection"], "close");

  advance(settings_.drain * 4 / 5);
  for (const auto& client : {versioned.get(), plain.get()}) {
    EXPECT_EQ(client->message().close_code(), 1001);
    client->send(close_frame(1001));
    EXPECT_TRUE(client->ended());
  }
  auto future = drained.get_future();
  settle();
  EXPECT_EQ(future.wait_for(seconds(0)), std::future_status::timeout) << "a request is still under way";
  respond(ports::HttpResponse::json(200, "{}"));
  EXPECT_EQ(busy.answer()["connection"], "close");
  EXPECT_TRUE(busy.ended());
  EXPECT_EQ(future.wait_for(seconds(20)), std::future_status::ready);
}

TEST_F(DrainTest, ADrainEndsWhenItsTimeIsOver) {
  start();
  const auto stubborn = open();
  std::promise<void> drained;
  gateway_->drain([&] { drained.set_value(); });
  settle();
  advance(settings_.drain);
  EXPECT_EQ(drained.get_future().wait_for(seconds(20)), std::future_status::ready);
  gateway_->stop();
  EXPECT_EQ(stubborn->message().close_code(), 1001);
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 1001);
}

TEST_F(DrainTest, CloseCodesOfTheDrainAreSpread) {
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(open());
  for (std::size_t i = 0; i < 10; ++i) handler_.connection(i);
  std::promise<void> drained;
  gateway_->drain([&] { drained.set_value(); });
  settle();
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 1001);
  for (std::size_t i = 2; i < 10; ++i) EXPECT_FALSE(handler_.is_disconnected(handler_.connection(i))) << i;
  advance(settings_.drain * 2 / 5);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(handler_.disconnected(handler_.connection(i)), 1001);
  for (std::size_t i = 8; i < 10; ++i) EXPECT_FALSE(handler_.is_disconnected(handler_.connection(i))) << i;
}

TEST_F(DrainTest, StopClosesEverythingAtOnce) {
  start();
  const auto client = open();
  handler_.connection(0);
  settle();
  gateway_->stop();
  EXPECT_EQ(client->message().close_code(), 1001);
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 1001);
  EXPECT_EQ(gateway_->connection_count(), 0u);
}

}  // namespace
}  // namespace carillon::gateway::testing
