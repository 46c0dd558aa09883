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
};

TEST_F(AdmissionTest, TargetsCanBeAddedBeforeTheAdmission) {
  std::promise<ports::Completion<ports::Admission>> pending;
  std::shared_ptr<ports::Admission> admission;
  handler_.connecting = [&](auto&, auto& done, auto& prepared) {
    admission = std::make_shared<ports::Admission>(prepared);
    auto taken = std::move(done);
    done = nullptr;
    pending.set_value(std::move(taken));
  };
  start();
  TestClient client(port());
  client.send(upgrade_request("/", "Sec-WebSocket-Protocol: carillon.v1\r\n"));
  auto done = pending.get_future().get();
  const auto id = subscribe(0, {Target::user("alice"), Target::chat("a")});
  gateway_->deliver(0, {run_of(Target::chat("a"), {"one", "two"})});
  EXPECT_EQ(outcome(1).delivered, 1u);
  EXPECT_EQ(outcome(2).delivered, 1u);
  done(std::move(*admission));
  EXPECT_EQ(client.answer().status, 101);
  EXPECT_EQ(client.message().payload, R"({"type":"connected"})");
  EXPECT_EQ(client.message().payload, "one");
  EXPECT_EQ(client.message().payload, "two");
}

TEST_F(AdmissionTest, ASocketThatGoesAwayBeforeItsAdmissionIsReported) {
  std::promise<ports::Completion<ports::Admission>> pending;
  std::shared_ptr<ports::Admission> admission;
  handler_.connecting = [&](auto&, auto& done, auto& prepared) {
    admission = std::make_shared<ports::Admission>(prepared);
    auto taken = std::move(done);
    done = nullptr;
    pending.set_value(std::move(taken));
  };
  start();
  TestClient client(port());
  client.send(upgrade_request("/"));
  auto done = pending.get_future().get();
  client.abort();
  done(std::move(*admission));
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 1006);
  EXPECT_EQ(gateway_->connection_count(), 0u);
}

TEST_F(AdmissionTest, AHandlerThatNeverDecidesIsAnswered503) {
  std::promise<ports::Completion<ports::Admission>> pending;
  std::shared_ptr<ports::Admission> admission;
  handler_.connecting = [&](auto&, auto& done, auto& prepared) {
    admission = std::make_shared<ports::Admission>(prepared);
    auto taken = std::move(done);
    done = nullptr;
    pending.set_value(std::move(taken));
  };
  start();
  TestClient client(port());
  client.send(upgrade_request("/"));
  auto done = pending.get_future().get();
  settle();
  advance(seconds(30));
  EXPECT_EQ(client.answer().status, 503);
  done(std::move(*admission));
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
