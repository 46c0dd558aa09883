#include <future>

#include <gtest/gtest.h>

#include "gateway/loop_figures.hpp"
#include "unit/gateway/http_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using model::Target;
using std::chrono::milliseconds;
using std::chrono::seconds;

class FiguresTest : public HttpTest {
 protected:
  double requests(std::string route, std::string method, std::string status) const {
    return figure(
        "carillon_http_requests_total",
        {{"route", std::move(route)}, {"method", std::move(method)}, {"status", std::move(status)}});
  }
  double closed(std::string code) const {
    return figure("carillon_connections_closed_total", {{"code", std::move(code)}});
  }
  double authorized(std::string result) const {
    return figure("carillon_authorizations_total", {{"via", "http"}, {"result", std::move(result)}});
  }
  base::Histogram histogram(std::string_view name, const ports::Labels& labels) const {
    ports::MetricSet figures;
    gateway_->collect(figures);
    for (const ports::MetricSample& each : figures.find(name)->samples)
      if (each.labels == labels) return each.histogram;
    return {};
  }
};

TEST_F(FiguresTest, BeforeTheStartThereAreNone) {
  gateway_ = std::make_unique<Gateway>(settings_);
  ports::MetricSet figures;
  gateway_->collect(figures);
  EXPECT_TRUE(figures.families().empty());
}

TEST_F(FiguresTest, RequestsCountByRouteMethodAndStatus) {
  start();
  ask(get("/open"));
  ask(get("/dvl/open?x=1"));
  ask(post("/open", "x"));
  ask(get("/queues/secret-name/messages"));
  ask(get("/who"));
  ask(get("/nowhere"));
  ask("PUT /open HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  ask("BREW /open HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  {
    TestClient client(port());
    client.send("HEAD /open HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.answer(true);
  }
  ask("nonsense\r\n\r\n");
  ask("POST /open HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n");
  EXPECT_EQ(requests("/open", "GET", "200"), 2);
  EXPECT_EQ(requests("/open", "HEAD", "200"), 1);
  EXPECT_EQ(requests("/open", "POST", "200"), 1);
  EXPECT_EQ(requests("/open", "POST", "413"), 1);
  EXPECT_EQ(requests("/queues/{name}/messages", "GET", "200"), 1);
  EXPECT_EQ(requests("/who", "GET", "401"), 1);
  EXPECT_EQ(requests("unrouted", "GET", "404"), 1);
  EXPECT_EQ(requests("unrouted", "PUT", "405"), 1);
  EXPECT_EQ(requests("unrouted", "other", "405"), 1);
  EXPECT_EQ(requests("unrouted", "other", "400"), 1);
  EXPECT_EQ(figure("carillon_http_request_duration_seconds", {{"route", "/open"}}), 5);
  EXPECT_EQ(figure("carillon_http_request_duration_seconds", {{"route", "unrouted"}}), 4);
  EXPECT_EQ(figure("carillon_http_request_duration_seconds", {{"route", "/metrics"}}), -1);
}

TEST_F(FiguresTest, ARequestLastsFromItsEndToItsAnswer) {
  ports::HttpResponder waiting;
  std::promise<void> asked;
  add_route("POST", "/slow", ports::Access::open, [&](ports::HttpRequest, ports::HttpResponder respond) {
    waiting = std::move(respond);
    asked.set_value();
  });
  start();
  TestClient client(port());
  client.send("POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab");
  settle();
  advance(seconds(3));  // the client's own time
  client.send("cd");
  asked.get_future().wait();
  advance(seconds(5));
  waiting(ports::HttpResponse::json(201, "{}"));
  EXPECT_EQ(client.answer().status, 201);
  const base::Histogram duration = histogram("carillon_http_request_duration_seconds", {{"route", "/slow"}});
  EXPECT_EQ(duration.count(), 1u);
  EXPECT_GE(duration.min(), 5'000'000u);
  EXPECT_LT(duration.max(), 8'000'000u);
}

TEST_F(FiguresTest, ConnectionsCountByTheCodeThatEndedThem) {
  start();
  EXPECT_EQ(closed("1000"), 0);
  const auto ended = [&](std::size_t n, auto end) {
    const auto client = open();
    EXPECT_EQ(figure("carillon_connections"), 1);
    end(*client, handler_.connection(n));
    handler_.disconnected(handler_.connection(n));
    EXPECT_EQ(figure("carillon_connections"), 0);
  };
  ended(0, [](TestClient& client, const auto&) { client.send(close_frame(1000)); });
  ended(1, [](TestClient& client, const auto&) { client.send(close_frame(3999)); });
  ended(2, [](TestClient& client, const auto&) { client.send(close_frame(4999)); });
  ended(3, [](TestClient& client, const auto&) { client.abort(); });
  ended(4, [&](TestClient&, const auto& id) { gateway_->close(0, id, 4403, ""); });
  ended(5, [](TestClient& client, const auto&) {
    client.send("\x01");
    client.abort();
  });
  ended(6, [](TestClient& client, const auto&) { client.send(close_frame(1013)); });
  EXPECT_EQ(figure("carillon_connections_opened_total"), 7);
  EXPECT_EQ(closed("1000"), 1);
  EXPECT_EQ(closed("1006"), 2);
  EXPECT_EQ(closed("1013"), 1);
  EXPECT_EQ(closed("4403"), 1);
  EXPECT_EQ(closed("other"), 2);
  EXPECT_EQ(figure("carillon_slow_consumers_total"), 0) << "that was the client's own word";
}

TEST_F(FiguresTest, AnUpgradeIsARequestToNoRoute) {
  handler_.connecting = [](auto& request, auto& done, auto&) {
    if (request.http.query_value("user") == "mallory")
      std::exchange(done, nullptr)(model::fail(model::errors::kForbidden));
  };
  start();
  open();
  const auto refused = [&](std::string status) {
    return figure("carillon_upgrades_refused_total", {{"status", std::move(status)}});
  };
  EXPECT_EQ(refused("403"), 0);
  EXPECT_EQ(refused("400"), -1) << "not seen yet";
  EXPECT_EQ(ask(upgrade_request("/?user=mallory")).status, 403);
  EXPECT_EQ(ask(upgrade_request("/", "Origin: https://evil.example\r\n")).status, 403);
  EXPECT_EQ(ask("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n").status, 400);
  EXPECT_EQ(refused("403"), 2);
  EXPECT_EQ(refused("400"), 1);
  EXPECT_EQ(requests("unrouted", "GET", "404"), 0);
  EXPECT_EQ(requests("unrouted", "GET", "403"), -1);
  EXPECT_EQ(ask(get("/")).status, 426);
  EXPECT_EQ(requests("unrouted", "GET", "426"), 1) << "no handshake at all";
}

TEST_F(FiguresTest, WhatGoesOverASocketIsCounted) {
  handler_.receiving = [](const ports::FrameContext& context, std::string_view) {
    context.socket->send("answer");
  };
  start();
  const auto client = open();
  settle();
  const double sent = figure("carillon_websocket_bytes_sent_total");
  const std::string frame = text_frame("hello");
  client->send(frame + ClientFrame{.opcode = model::Opcode::ping}.bytes());
  for (int i = 0; i < 2; ++i) client->frame();
  client->send(frame.substr(0, 4));
  settle();
  client->send(frame.substr(4));
  EXPECT_EQ(client->message().payload, "answer");
  settle();
  EXPECT_EQ(figure("carillon_websocket_messages_received_total"), 2);
  EXPECT_EQ(figure("carillon_websocket_bytes_received_total"), 2 * frame.size() + 6);
  EXPECT_EQ(figure("carillon_websocket_bytes_sent_total") - sent, 2 * 8 + 2);
  ask(get("/open"));
  settle();
  EXPECT_EQ(figure("carillon_websocket_bytes_sent_total") - sent, 2 * 8 + 2) << "HTTP is not among them";
}

TEST_F(FiguresTest, ASlowConsumerIsRetriedThenCountedOnce) {
  start();
  const auto slow = open("/?user=slow", {}, 4096);
  const auto id = subscribe(0, {Target::user("slow"), Target::chat("x")});
  const std::string large(100'000, 'x');
  ports::DeliveryId next = 1;
  do gateway_->deliver(0, {run_of(Target::chat("x"), {large}, next)});
  while (outcome(next++).waiting == 0);
  EXPECT_EQ(figure("carillon_delivery_retries_total"), 0);
  for (int retry = 1; retry <= 2; ++retry) {
    advance(seconds(1));
    while (figure("carillon_delivery_retries_total") < retry) settle();
  }
  EXPECT_EQ(handler_.disconnected(id), 1013);
  EXPECT_EQ(figure("carillon_delivery_retries_total"), 2) << "three attempts in all";
  EXPECT_EQ(figure("carillon_slow_consumers_total"), 1);
  EXPECT_EQ(closed("1013"), 1);
}

TEST_F(FiguresTest, EveryVerificationIsCountedOnce) {
  start();
  const auto who = [](std::string_view token) {
    return get("/who", "Authorization: Bearer " + std::string(token) + "\r\n");
  };
  TestClient client(port());
  for (int i = 0; i < 3; ++i) {
    client.send(who("good"));
    EXPECT_EQ(client.answer().status, 200);
  }
  EXPECT_EQ(authenticator_.calls, 1) << "the others are known by then";
  EXPECT_EQ(authorized("allowed"), 3);
  authenticator_.later = true;
  EXPECT_EQ(ask(who("forged")).status, 401);
  EXPECT_EQ(ask(get("/who")).status, 401);
  EXPECT_EQ(ask(who("nokeys")).status, 503);
  EXPECT_EQ(ask(get("/open")).status, 200);
  EXPECT_EQ(authorized("allowed"), 3);
  EXPECT_EQ(authorized("refused"), 2);
  EXPECT_EQ(authorized("unavailable"), 1);
}

TEST_F(FiguresTest, ALoopThatIsHeldUpLags) {
  start();
  const ports::Labels loop = {{"loop", "gateway-0"}};
  // Held up over more than one tick, whenever that was due.
  std::promise<void> held;
  gateway_->run_on(0, [&] {
    const auto until = base::monotonic_now() + milliseconds(400);
    while (base::monotonic_now() < until) std::this_thread::yield();
    held.set_value();
  });
  held.get_future().wait();
  while (histogram("carillon_loop_lag_seconds", loop).max() < 250'000) {
    const auto seen = histogram("carillon_loop_lag_seconds", loop).count();
    while (histogram("carillon_loop_lag_seconds", loop).count() == seen) settle();
    ASSERT_LT(seen, 50u) << "no tick was late";
  }
}

TEST_F(FiguresTest, ALoopThatHangsIsOverdue) {
  settings_.threads = 2;
  start();
  const auto overdue = [&](const char* loop) {
    return figure("carillon_loop_overdue_seconds", {{"loop", loop}});
  };
  EXPECT_LT(overdue("gateway-0"), 5);
  std::promise<void> free;
  gateway_->run_on(0, [&] { free.get_future().wait(); });
  const auto deadline = base::monotonic_now() + seconds(20);
  while (overdue("gateway-0") < 0.3) ASSERT_LT(base::monotonic_now(), deadline);
  EXPECT_GE(overdue("gateway-1"), 0);
  free.set_value();
  while (overdue("gateway-0") > 0) ASSERT_LT(base::monotonic_now(), deadline);
  gateway_->stop();
  EXPECT_EQ(overdue("gateway-0"), 0) << "it ended";
}

TEST_F(FiguresTest, WhatWebSocketsDidNotTakeYetIsAGauge) {
  start();
  const auto slow = open("/?user=slow", {}, 4096);
  const auto id = subscribe(0, {Target::chat("x")});
  settle();
  EXPECT_EQ(figure("carillon_outbound_bytes"), 0);
  const std::string large(100'000, 'x');
  for (ports::DeliveryId next = 1; figure("carillon_outbound_bytes") < 150'000; ++next) {
    ASSERT_LT(next, 200u) << "the sockets take all of it";
    gateway_->deliver(0, {run_of(Target::chat("x"), {large}, next)});
    settle();
  }
  EXPECT_EQ(figure("carillon_unsent_bytes"), 0) << "these are answers";
  slow->abort();
  handler_.disconnected(id);
  settle();
  EXPECT_EQ(figure("carillon_outbound_bytes"), 0);
}

TEST_F(FiguresTest, WhatRoutesUsuallyAnswerIsThereFromTheStart) {
  start();
  for (const char* status : {"200", "500", "503"}) {
    EXPECT_EQ(requests("/open", "GET", status), 0);
    EXPECT_EQ(requests("/open", "POST", status), 0);
    EXPECT_EQ(requests("/queues/{name}/messages", "GET", status), 0);
    EXPECT_EQ(requests("/who", "POST", status), -1) << "no such route";
  }
  EXPECT_EQ(requests("/who", "GET", "401"), -1) << "comes with the first";
  EXPECT_EQ(requests("unrouted", "GET", "404"), 0);
  EXPECT_EQ(figure("carillon_http_request_duration_seconds", {{"route", "/open"}}), -1);
}

TEST_F(FiguresTest, BudgetsAreGauges) {
  start();
  TestClient client(port());
  client.send("POST /open HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n" +
              std::string(4000, 'x'));
  settle();
  EXPECT_GE(figure("carillon_unfinished_bytes"), 4000);
  client.send(std::string(1000, 'x'));
  EXPECT_EQ(client.answer().status, 200);
  EXPECT_EQ(figure("carillon_unfinished_bytes"), 0);
  EXPECT_EQ(figure("carillon_unsent_bytes"), 0);
}

TEST_F(FiguresTest, TheLoopsOfAGatewayAreAddedUp) {
  settings_.threads = 2;
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(open());
    ask(get("/open"));
  }
  EXPECT_EQ(figure("carillon_connections_opened_total"), 40);
  EXPECT_EQ(figure("carillon_connections"), 40);
  EXPECT_EQ(requests("/open", "GET", "200"), 40);
  EXPECT_GE(figure("carillon_loop_lag_seconds", {{"loop", "gateway-1"}}), 0);
}

TEST_F(FiguresTest, TheInternalPortTakesNoWebSockets) {
  settings_.internal = true;
  settings_.dev = true;
  start();
  for (const char* path : {"/", "/ws", "/echo"}) EXPECT_EQ(ask(upgrade_request(path)).status, 404) << path;
  EXPECT_EQ(ask(upgrade_request("/open")).status, 200);
  EXPECT_GE(figure("carillon_loop_lag_seconds", {{"loop", "internal-0"}}), 0);
}

TEST(HttpStatusTest, AreInOrderAndKnowTheirPhrases) {
  for (std::size_t i = 0; i < kHttpStatuses.size(); ++i) {
    EXPECT_EQ(index_of_status(kHttpStatuses[i].status), i);
    EXPECT_EQ(reason_phrase(kHttpStatuses[i].status), kHttpStatuses[i].reason);
  }
  EXPECT_EQ(reason_phrase(404), "Not Found");
  for (const int odd : {-1, 0, 100, 299, 418, 999}) {
    EXPECT_EQ(index_of_status(odd), kHttpStatuses.size());
    EXPECT_EQ(reason_phrase(odd), "Unknown");
  }
}

TEST(MethodNumberTest, TellsTheKnownOnesApart) {
  std::set<std::uint8_t> seen;
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"}) {
    EXPECT_LT(method_number(method), LoopFigures::kMethods);
    seen.insert(method_number(method));
  }
  EXPECT_EQ(seen.size(), LoopFigures::kMethods);
  for (const char* odd : {"", "get", "other", "CONNECT"})
    EXPECT_EQ(method_number(odd), method_number("BREW"));
}

}  // namespace
}  // namespace carillon::gateway::testing
