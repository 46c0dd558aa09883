#include <future>

#include <gtest/gtest.h>

#include "unit/gateway/gateway_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using model::Opcode;
using model::Target;
using std::chrono::seconds;

class DeliveryTest : public GatewayTest {
 protected:
  /// A client that stopped reading, with `max_outbound_bytes` of frames in its buffer and the socket full.
  void fill_up(const model::ConnectionId& id, const Target& target) {
    (void)id;
    ports::DeliveryId next = 1'000'000;
    const std::string large(100'000, 'x');
    for (int i = 0; i < 400; ++i, ++next) {
      gateway_->deliver(0, {run_of(target, {large}, next)});
      if (outcome(next).waiting > 0) {
        first_waiting_ = next;
        return;
      }
      ++filled_;
    }
    FAIL() << "the socket takes everything";
  }
  ports::DeliveryId first_waiting_ = 0;
  int filled_ = 0;
};

TEST_F(DeliveryTest, ARunReachesEverySubscriberOnce) {
  start();
  const auto a = open("/?user=a");
  const auto b = open("/?user=b");
  const auto c = open("/?user=c");
  subscribe(0, {Target::user("a"), Target::chat("x"), Target::chat("x")});
  subscribe(1, {Target::user("b"), Target::chat("x")});
  subscribe(2, {Target::user("c"), Target::chat("y")});
  gateway_->deliver(0, {run_of(Target::chat("x"), {"1", "2", "3"}), run_of(Target::chat("y"), {"4"}, 4),
                        run_of(Target::chat("nobody"), {"5"}, 5)});
  for (const auto& client : {a.get(), b.get()})
    for (const char* text : {"1", "2", "3"}) EXPECT_EQ(client->message().payload, text);
  EXPECT_EQ(c->message().payload, "4");
  for (ports::DeliveryId id : {1u, 2u, 3u}) EXPECT_EQ(outcome(id).delivered, 2u);
  EXPECT_EQ(outcome(4).delivered, 1u);
  EXPECT_EQ(outcome(5).delivered, 0u);
}

TEST_F(DeliveryTest, AllUsersExceptAndOnly) {
  start();
  const auto a1 = open("/?user=a");
  const auto a2 = open("/?user=a");
  const auto b = open("/?user=b");
  for (std::size_t i : {0u, 1u}) subscribe(i, {Target::user("a"), Target::chat("x")});
  subscribe(2, {Target::user("b"), Target::chat("x"), Target::all()});
  const auto with = [&](Target target, ports::DeliveryId id, auto change) {
    auto run =
        std::const_pointer_cast<ports::DeliveryRun>(run_of(std::move(target), {std::to_string(id)}, id));
    change(*run);
    gateway_->deliver(0, {run});
    return outcome(id).delivered;
  };
  EXPECT_EQ(with(Target::all(), 1, [](auto&) {}), 3u);
  EXPECT_EQ(with(Target::user("a"), 2, [](auto&) {}), 2u);
  EXPECT_EQ(with(Target::chat("x"), 3, [](auto& run) { run.except = model::UserId("a"); }), 1u);
  EXPECT_EQ(with(Target::all(), 4, [](auto& run) { run.except = model::UserId("b"); }), 2u);
  EXPECT_EQ(with(Target::chat("x"), 5, [](auto& run) { run.except = model::UserId("unknown"); }), 3u);
  EXPECT_EQ(
      with(Target::chat("x"), 6, [](auto& run) { run.only = {model::UserId("b"), model::UserId("b")}; }), 1u);
  EXPECT_EQ(with(Target::chat("y"), 7, [](auto& run) { run.only = {model::UserId("b")}; }), 0u);
  EXPECT_EQ(with(Target::all(), 8, [](auto& run) { run.only = {model::UserId("a"), model::UserId("b")}; }),
            3u);
  for (const char* text : {"1", "2", "4", "5", "8"}) EXPECT_EQ(a1->message().payload, text);
  for (const char* text : {"1", "3", "5", "6", "8"}) EXPECT_EQ(b->message().payload, text);
}

TEST_F(DeliveryTest, RemovedTargetsGetNothingAfterTheirNotice) {
  start();
  const auto client = open();
  const auto id = subscribe(0, {Target::user("alice"), Target::chat("x"), Target::chat("y")});
  gateway_->deliver(0, {run_of(Target::chat("x"), {"1"})});
  std::promise<void> done;
  gateway_->remove_targets(0, id, {Target::chat("x")}, {"gone from x"}, [&] { done.set_value(); });
  gateway_->deliver(0, {run_of(Target::chat("x"), {"2"}, 2), run_of(Target::chat("y"), {"3"}, 3)});
  done.get_future().wait();
  EXPECT_EQ(client->message().payload, "1");
  EXPECT_EQ(client->message().payload, "gone from x");
  EXPECT_EQ(client->message().payload, "3");
  EXPECT_EQ(outcome(2).delivered, 0u);
}

TEST_F(DeliveryTest, CallsForUnknownConnectionsStillComplete) {
  start();
  std::promise<void> done;
  gateway_->add_targets(0, model::ConnectionId("nobody"), {Target::chat("x")});
  gateway_->send(0, model::ConnectionId("nobody"), "x");
  gateway_->close(0, model::ConnectionId("nobody"), 4403, "");
  gateway_->remove_targets(0, model::ConnectionId("nobody"), {Target::chat("x")}, {"n"},
                           [&] { done.set_value(); });
  done.get_future().wait();
}

TEST_F(DeliveryTest, SendAndCloseByConnection) {
  start();
  const auto client = open();
  const auto id = handler_.connection(0);
  gateway_->send(0, id, "one frame");
  EXPECT_EQ(client->message().payload, "one frame");
  gateway_->close(0, id, 4403, "");
  EXPECT_EQ(client->message().close_code(), 4403);
  EXPECT_EQ(handler_.disconnected(id), 4403);
}

TEST_F(DeliveryTest, WhatIsSentAfterTheCloseIsNotDelivered) {
  start();
  const auto client = open();
  const auto id = subscribe(0, {Target::chat("x")});
  gateway_->close(0, id, 4403, "");
  gateway_->deliver(0, {run_of(Target::chat("x"), {"late"})});
  EXPECT_EQ(outcome(1).delivered, 0u);
  EXPECT_EQ(client->message().close_code(), 4403);
}

TEST_F(DeliveryTest, AFullBufferWaitsAndIsServedWhenItDrains) {
  settings_.max_attempts = 1000;
  start();
  const auto slow = open("/?user=slow", {}, 4096);
  const auto good = open("/?user=good");
  const auto id = subscribe(0, {Target::user("slow"), Target::chat("x")});
  subscribe(1, {Target::user("good"), Target::chat("g")});
  fill_up(id, Target::chat("x"));
  gateway_->deliver(0, {run_of(Target::chat("x"), {"parked"}, 1)});
  EXPECT_EQ(outcome(1).waiting, 1);
  gateway_->deliver(0, {run_of(Target::chat("g"), {"undisturbed"}, 2)});
  EXPECT_EQ(good->message().payload, "undisturbed");
  for (int i = 0; i < filled_ + 1; ++i) EXPECT_EQ(slow->message().payload.size(), 100'000u);
  for (int i = 0; i < 10; ++i) {
    settle();
    advance(seconds(10));
  }
  EXPECT_EQ(slow->message().payload, "parked");
  const auto resolved = outcome(1, [](const auto& sum) { return sum.waiting == 0; });
  EXPECT_EQ(resolved.delivered, 1u);
  gateway_->deliver(0, {run_of(Target::chat("x"), {"direct again"}, 3)});
  EXPECT_EQ(slow->message().payload, "direct again");
}

TEST_F(DeliveryTest, ABurstWithinOneTurnIsSentBeforeItIsRefused) {
  start();
  const auto client = open();
  subscribe(0, {Target::chat("x")});
  const std::size_t count = settings_.max_outbound_bytes / 100'000 + 2;
  std::vector<ports::DeliveryRunPtr> runs;
  for (std::size_t i = 0; i < count; ++i)
    runs.push_back(run_of(Target::chat("x"), {std::string(100'000, 'x')}, i + 1));
  gateway_->deliver(0, std::move(runs));
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(client->message().payload.size(), 100'000u);
  EXPECT_EQ(outcome(count).delivered, 1u);
  EXPECT_EQ(outcome(count).waiting, 0);
}

TEST_F(DeliveryTest, ASlowConsumerIsClosed1013AfterThreeAttempts) {
  start();
  const auto slow = open("/?user=slow", {}, 4096);
  const auto id = subscribe(0, {Target::user("slow"), Target::chat("x")});
  fill_up(id, Target::chat("x"));
  gateway_->deliver(0, {run_of(Target::chat("x"), {"parked"}, 1)});
  EXPECT_EQ(outcome(1).waiting, 1);
  for (int i = 0; i < 3; ++i) {
    advance(seconds(1));
    settle();
  }
  EXPECT_EQ(handler_.disconnected(id), 1013);
  const auto failed = outcome(first_waiting_, [](const auto& sum) { return sum.waiting == 0; });
  ASSERT_EQ(failed.failed.size(), 1u);
  EXPECT_EQ(failed.failed[0].user.str(), "slow");
  EXPECT_EQ(failed.failed[0].connection, id);
  EXPECT_EQ(failed.delivered, 0u);
  const auto gone = outcome(1, [](const auto& sum) { return sum.waiting == 0; });
  EXPECT_EQ(gone.gone, 1u);
  // What was accepted is still sent to a client that begins to read, and then why it is closed.
  for (int i = 0; i < filled_; ++i) EXPECT_EQ(slow->message().payload.size(), 100'000u);
  EXPECT_EQ(slow->message().close_code(), 1013);
}

TEST_F(DeliveryTest, WhatWaitsIsGoneWhenTheConnectionCloses) {
  start();
  auto slow = open("/?user=slow", {}, 4096);
  const auto id = subscribe(0, {Target::user("slow"), Target::chat("x")});
  fill_up(id, Target::chat("x"));
  slow->abort();
  const auto gone = outcome(first_waiting_, [](const auto& sum) { return sum.waiting == 0; });
  EXPECT_EQ(gone.gone, 1u);
  EXPECT_EQ(handler_.disconnected(id), 1006);
}

TEST_F(DeliveryTest, WhatWaitsOfARemovedTargetIsGone) {
  settings_.max_attempts = 1000;
  start();
  const auto slow = open("/?user=slow", {}, 4096);
  const auto id = subscribe(0, {Target::user("slow"), Target::chat("x"), Target::chat("y")});
  fill_up(id, Target::chat("x"));
  gateway_->deliver(0, {run_of(Target::chat("y"), {"kept"}, 1)});
  gateway_->remove_targets(0, id, {Target::chat("x")}, {}, [] {});
  EXPECT_EQ(outcome(first_waiting_, [](const auto& sum) { return sum.waiting == 0; }).gone, 1u);
  for (int i = 0; i < filled_; ++i) EXPECT_EQ(slow->message().payload.size(), 100'000u);
  for (int i = 0; i < 10; ++i) {
    settle();
    advance(seconds(10));
  }
  EXPECT_EQ(slow->message().payload, "kept");
}

TEST_F(DeliveryTest, EphemeralFramesNeverWaitAndHaveNoOutcome) {
  start();
  const auto slow = open("/?user=slow", {}, 4096);
  const auto id = subscribe(0, {Target::user("slow"), Target::chat("x")});
  gateway_->deliver(0, {run_of(Target::chat("x"), {"typing"}, 0)});
  EXPECT_EQ(slow->message().payload, "typing");
  fill_up(id, Target::chat("x"));
  gateway_->deliver(0, {run_of(Target::chat("x"), {"typing"}, 0), run_of(Target::chat("x"), {"last"}, 1)});
  EXPECT_EQ(outcome(1).waiting, 1);
}

TEST_F(DeliveryTest, OwnAnswersOverTheBoundClose1013) {
  settings_.max_outbound_bytes = 200'000;
  handler_.receiving = [](const ports::FrameContext& context, std::string_view) {
    for (int i = 0; i < 1000; ++i) context.socket->send(std::string(50'000, 'x'));
  };
  start();
  const auto slow = open("/?user=slow", {}, 4096);
  slow->send(text_frame("go"));
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 1013);
  ServerFrame frame = slow->message();
  while (frame.opcode == Opcode::text) frame = slow->message();
  EXPECT_EQ(frame.close_code(), 1013);
}

TEST_F(DeliveryTest, ManyConnectionsAndManyRuns) {
  settings_.threads = 2;
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (std::size_t i = 0; i < 60; ++i) {
    clients.push_back(open());
    subscribe(i, {Target::chat("x"), Target::chat("c" + std::to_string(i % 3))});
  }
  for (ports::DeliveryId round = 0; round < 50; ++round)
    for (ports::LoopIndex loop : {0u, 1u})
      gateway_->deliver(loop, {run_of(Target::chat("x"), {"x" + std::to_string(round)}, 0),
                               run_of(Target::chat("c1"), {"c" + std::to_string(round)}, 0)});
  for (std::size_t i = 0; i < clients.size(); ++i)
    for (int round = 0; round < 50; ++round) {
      EXPECT_EQ(clients[i]->message().payload, "x" + std::to_string(round));
      if (i % 3 == 1) EXPECT_EQ(clients[i]->message().payload, "c" + std::to_string(round));
    }
  // Half of them leave while deliveries go on.
  for (std::size_t i = 0; i < clients.size(); i += 2) clients[i].reset();
  for (ports::LoopIndex loop : {0u, 1u}) gateway_->deliver(loop, {run_of(Target::chat("x"), {"end"}, 0)});
  for (std::size_t i = 1; i < clients.size(); i += 2) EXPECT_EQ(clients[i]->message().payload, "end");
}

TEST_F(DeliveryTest, DrainSaysGoodbyeToEverybody) {
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

TEST_F(DeliveryTest, ADrainEndsWhenItsTimeIsOver) {
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

TEST_F(DeliveryTest, CloseCodesOfTheDrainAreSpread) {
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

TEST_F(DeliveryTest, StopClosesEverythingAtOnce) {
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
