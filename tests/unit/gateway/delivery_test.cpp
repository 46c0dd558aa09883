#include <future>
#include <set>

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
  static std::set<std::string> names(const ports::DeliveryOutcome& outcome) {
    std::set<std::string> found;
    if (outcome.users)
      for (const model::UserId& each : *outcome.users)
        EXPECT_TRUE(found.insert(each.str()).second) << "twice";
    return found;
  }
  /// Whether the connection took the frame.
  bool send(const model::ConnectionId& id, std::string text) {
    std::promise<bool> taken;
    gateway_->send(handler_.loop_of(id), id, std::move(text), [&](bool each) { taken.set_value(each); });
    return taken.get_future().get();
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

TEST_F(DeliveryTest, OutcomesNameWhoAcceptedTheRun) {
  start();
  const auto a1 = open("/?user=a");
  const auto a2 = open("/?user=a");
  const auto b = open("/?user=b");
  const auto nameless = open("/?user=n");
  for (std::size_t i : {0u, 1u}) subscribe(i, {Target::user("a"), Target::chat("x")});
  subscribe(2, {Target::user("b"), Target::chat("x")});
  subscribe(3, {Target::chat("x"), Target::chat("n")});
  const auto with = [&](Target target, ports::DeliveryId id, auto change) {
    auto run = std::const_pointer_cast<ports::DeliveryRun>(run_of(std::move(target), {"1", "2"}, id));
    change(*run);
    gateway_->deliver(0, {run});
    EXPECT_EQ(names(outcome(id)), names(outcome(id + 1))) << "one list for the run";
    return names(outcome(id));
  };
  using Names = std::set<std::string>;
  EXPECT_EQ(with(Target::chat("x"), 1, [](auto&) {}), (Names{"a", "b"}));
  EXPECT_EQ(outcome(1).delivered, 4u) << "two of a, one of b, one without a name";
  EXPECT_EQ(outcome(1).users, outcome(2).users) << "not a copy for each message";
  EXPECT_EQ(with(Target::chat("x"), 3, [](auto& run) { run.except = model::UserId("a"); }), Names{"b"});
  EXPECT_EQ(with(Target::chat("x"), 5, [](auto& run) { run.only = {model::UserId("a")}; }), Names{"a"});
  EXPECT_EQ(with(Target::user("b"), 7, [](auto&) {}), Names{"b"});
  EXPECT_EQ(with(Target::user("b"), 9, [](auto&) {}), Names{"b"});
  EXPECT_EQ(outcome(7).users, outcome(9).users) << "a user's own list is made once";
  EXPECT_EQ(with(Target::all(), 11, [](auto&) {}), (Names{"a", "b"}));
  EXPECT_EQ(with(Target::chat("n"), 13, [](auto&) {}), Names{});
  EXPECT_EQ(outcome(13).delivered, 1u);
  EXPECT_EQ(with(Target::chat("nobody"), 15, [](auto&) {}), Names{});
}

TEST_F(DeliveryTest, AfterTheFirstUsersOnlyTheNumberGoesOn) {
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (std::size_t i = 0; i < 2 * ports::kMaxNamedUsers; ++i) {
    const std::string user = "user" + std::to_string(i);
    clients.push_back(open("/?user=" + user));
    subscribe(i, {Target::user(user), Target::chat("x")});
  }
  gateway_->deliver(0, {run_of(Target::chat("x"), {"1"})});
  EXPECT_EQ(outcome(1).delivered, 2 * ports::kMaxNamedUsers);
  EXPECT_EQ(names(outcome(1)).size(), ports::kMaxNamedUsers);
}

TEST_F(DeliveryTest, ARecipientThatWaitsIsNamedOnceItAccepted) {
  settings_.max_attempts = 1000;
  start();
  const auto slow = open("/?user=slow", {}, 4096);
  const auto good = open("/?user=good");
  const auto id = subscribe(0, {Target::user("slow"), Target::chat("x"), Target::chat("f")});
  subscribe(1, {Target::user("good"), Target::chat("x")});
  fill_up(id, Target::chat("f"));
  gateway_->deliver(0, {run_of(Target::chat("x"), {"for both"}, 1)});
  EXPECT_EQ(names(outcome(1)), std::set<std::string>{"good"});
  EXPECT_TRUE(names(outcome(first_waiting_)).empty());
  for (int i = 0; i < filled_ + 1; ++i) EXPECT_EQ(slow->message().payload.size(), 100'000u);
  for (int i = 0; i < 10; ++i) {
    settle();
    advance(seconds(10));
  }
  EXPECT_EQ(slow->message().payload, "for both");
  const auto served = [](const auto& sum) { return sum.waiting == 0; };
  EXPECT_EQ(names(outcome(1, served)), (std::set<std::string>{"good", "slow"}));
  EXPECT_EQ(names(outcome(first_waiting_, served)), std::set<std::string>{"slow"});
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
  gateway_->send(0, model::ConnectionId("nobody"), "x", [](bool taken) { EXPECT_FALSE(taken); });
  gateway_->close(0, model::ConnectionId("nobody"), 4403, "");
  gateway_->remove_targets(0, model::ConnectionId("nobody"), {Target::chat("x")}, {"n"},
                           [&] { done.set_value(); });
  done.get_future().wait();
}

TEST_F(DeliveryTest, SendAndCloseByConnection) {
  start();
  const auto client = open();
  const auto id = handler_.connection(0);
  EXPECT_TRUE(send(id, "one frame"));
  EXPECT_EQ(client->message().payload, "one frame");
  gateway_->close(0, id, 4403, "");
  EXPECT_EQ(client->message().close_code(), 4403);
  EXPECT_EQ(handler_.disconnected(id), 4403);
  EXPECT_FALSE(send(id, "late"));
}

TEST_F(DeliveryTest, WhatIsSentComesAfterWhatWasDelivered) {
  start();
  const auto client = open();
  const auto id = subscribe(0, {Target::chat("x")});
  std::vector<std::promise<bool>> taken(20);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    gateway_->deliver(0, {run_of(Target::chat("x"), {"run " + std::to_string(i)}, 0)});
    gateway_->send(0, id, "sent " + std::to_string(i), [&taken, i](bool each) { taken[i].set_value(each); });
  }
  for (std::size_t i = 0; i < taken.size(); ++i) {
    EXPECT_EQ(client->message().payload, "run " + std::to_string(i));
    EXPECT_EQ(client->message().payload, "sent " + std::to_string(i));
    EXPECT_TRUE(taken[i].get_future().get());
  }
}

TEST_F(DeliveryTest, ManyFramesSentWithinOneTurnReachAClientThatReads) {
  start();
  const auto client = open();
  const auto id = subscribe(0, {Target::chat("x")});
  const std::size_t count = settings_.max_outbound_bytes / 100'000 + 2;
  std::atomic<std::size_t> taken = 0;
  // One task for the loop, so that all come within one turn.
  gateway_->run_on(0, [&] {
    for (std::size_t i = 0; i < count; ++i)
      gateway_->send(0, id, std::string(100'000, 'x'), [&](bool each) { taken += each ? 1 : 0; });
  });
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(client->message().payload.size(), 100'000u);
  settle();
  EXPECT_EQ(taken, count);
}

TEST_F(DeliveryTest, AFrameThatWouldOvertakeWhatWaitsCloses1013) {
  settings_.max_attempts = 1000;
  start();
  const auto slow = open("/?user=slow", {}, 4096);
  const auto id = subscribe(0, {Target::user("slow"), Target::chat("x")});
  fill_up(id, Target::chat("x"));
  EXPECT_FALSE(send(id, "later"));
  EXPECT_EQ(handler_.disconnected(id), 1013);
  for (int i = 0; i < filled_; ++i) EXPECT_EQ(slow->message().payload.size(), 100'000u);
  EXPECT_EQ(slow->message().close_code(), 1013);
}

TEST_F(DeliveryTest, AFullBufferTakesNoFurtherFrame) {
  start();
  const auto slow = open("/?user=slow", {}, 4096);
  const auto id = handler_.connection(0);
  std::size_t taken = 0;
  while (taken < 400 && send(id, std::string(100'000, 'x'))) ++taken;
  ASSERT_GE(taken, settings_.max_outbound_bytes / 100'000);
  EXPECT_EQ(handler_.disconnected(id), 1013);
  for (std::size_t i = 0; i < taken; ++i) EXPECT_EQ(slow->message().payload.size(), 100'000u);
  EXPECT_EQ(slow->message().close_code(), 1013);
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

}  // namespace
}  // namespace carillon::gateway::testing
