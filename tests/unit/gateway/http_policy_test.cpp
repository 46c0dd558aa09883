#include <thread>

#include <gtest/gtest.h>

#include "unit/gateway/http_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using ports::Access;

TEST_F(HttpTest, CorsForAllowedOrigins) {
  settings_.allowed_origins = {"https://app.example.com"};
  start();
  const Answer preflight =
      ask("OPTIONS /open HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example.com\r\n"
          "Access-Control-Request-Method: POST\r\n\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight["access-control-allow-origin"], "https://app.example.com");
  EXPECT_EQ(preflight["access-control-allow-methods"], "GET, POST, HEAD, OPTIONS");
  for (const char* name : {"Authorization", "Content-Type", "Idempotency-Key", "traceparent"})
    EXPECT_NE(preflight["access-control-allow-headers"].find(name), std::string::npos);
  EXPECT_EQ(preflight["vary"], "Origin");
  EXPECT_EQ(preflight["access-control-allow-credentials"], "");

  EXPECT_EQ(ask("OPTIONS /open HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example.com\r\n"
                "Access-Control-Request-Method: POST\r\n\r\n")
                .status,
            403);
  const Answer foreign = ask(get("/open", "Origin: https://evil.example.com\r\n"));
  EXPECT_EQ(foreign["access-control-allow-origin"], "");
  EXPECT_EQ(foreign["vary"], "Origin");
  EXPECT_EQ(ask(get("/open", "Origin: https://app.example.com\r\n"))["access-control-allow-origin"],
            "https://app.example.com");
  EXPECT_EQ(ask(get("/open"))["vary"], "Origin");
}

TEST_F(HttpTest, ATokenInTheUrlIsRefusedWhereNobodyLooksAtItToo) {
  start();
  for (const char* query : {"?token=abc", "?token=", "?a=1&token=abc", "?%74oken=abc"}) {
    const Answer answer = ask(get("/open" + std::string(query)));
    EXPECT_EQ(answer.status, 401) << query;
    EXPECT_NE(answer.body.find("a token in the URL is not accepted"), std::string::npos);
    EXPECT_EQ(answer.body.find("abc"), std::string::npos);
    EXPECT_EQ(ask(post("/open" + std::string(query), "x")).status, 401) << query;
  }
  for (const char* query : {"?x=token=abc", "?tokens=abc", "?a=token"})
    EXPECT_EQ(ask(get("/open" + std::string(query))).status, 200) << query;
}

TEST_F(HttpTest, DevRefusesForeignHosts) {
  settings_.dev = true;
  start();
  EXPECT_EQ(ask("GET /open HTTP/1.1\r\nHost: evil.example.com\r\n\r\n").body,
            R"({"error":"Forbidden - Host not allowed"})");
  for (const char* host : {"localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "a.localhost"})
    EXPECT_EQ(ask("GET /open HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n").status, 200) << host;
  EXPECT_EQ(ask(upgrade_request("/", "")).status, 101);
}

TEST_F(HttpTest, TheSourceAddressIsThePeers) {
  add_route("GET", "/from", Access::open, [](ports::HttpRequest request, ports::HttpResponder respond) {
    respond(ports::HttpResponse::json(200, request.source_address));
  });
  start();
  EXPECT_EQ(ask(get("/from", "X-Forwarded-For: 9.9.9.9\r\n")).body, "127.0.0.1");
}

TEST_F(HttpTest, ForwardedHeadersOfTrustedProxiesCount) {
  settings_.trusted_proxies = {"127.0.0.0/8", "10.1.0.0/16"};
  add_route("GET", "/from", Access::open, [](ports::HttpRequest request, ports::HttpResponder respond) {
    respond(ports::HttpResponse::json(200, request.source_address));
  });
  start();
  EXPECT_EQ(ask(get("/from", "X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.1.2.3\r\n")).body, "9.9.9.9");
  EXPECT_EQ(ask(get("/from", "Forwarded: for=\"[2001:db8::1]:80\";proto=https\r\n")).body, "2001:db8::1");
}

TEST_F(HttpTest, TooManyConnectionsAreToldSo) {
  settings_.max_connections = 2;
  start();
  TestClient first(port());
  TestClient second(port());
  first.send(get("/open"));
  EXPECT_EQ(first.answer().status, 200);
  second.send(get("/open"));
  EXPECT_EQ(second.answer().status, 200);
  EXPECT_EQ(ask(get("/open")).status, 503);
  EXPECT_EQ(ask(upgrade_request("/")).status, 503);
}

TEST_F(HttpTest, TooManyConnectionsOfOneAddress) {
  settings_.max_connections_per_address = 1;
  start();
  {
    TestClient first(port());
    first.send(get("/open"));
    EXPECT_EQ(first.answer().status, 200);
    const Answer refused = ask(get("/open"));
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.body, R"({"error":"Too many connections"})");
    first.send(get("/open", "Connection: close\r\n"));
    first.answer();
    EXPECT_TRUE(first.ended());
  }
  // The place is free again once the loop has seen the end.
  for (int status = 0; status != 200; status = ask(get("/open")).status) std::this_thread::yield();
}

TEST_F(HttpTest, ManyLoopsShareThePort) {
  settings_.threads = 3;
  start();
  for (int i = 0; i < 30; ++i) EXPECT_EQ(ask(get("/open")).status, 200);
}

TEST_F(HttpTest, APortInUseIsSaid) {
  start();
  Settings again = settings_;
  again.listen = "127.0.0.1:" + std::to_string(port());
  Gateway second(again);
  try {
    second.start({authenticator_, handler_, {}, {}});
    FAIL() << "two gateways on one port";
  } catch (const std::runtime_error& problem) {
    EXPECT_NE(std::string(problem.what()).find(again.listen), std::string::npos);
    EXPECT_NE(std::string(problem.what()).find("in use"), std::string::npos);
  }
}

TEST_F(HttpTest, SettingsThatCannotWorkAreRefused) {
  Settings bad = settings_;
  bad.allowed_origins = {"*"};
  EXPECT_THROW(Gateway{bad}, std::runtime_error);
  bad = settings_;
  bad.trusted_proxies = {"10.0.0.0/33"};
  EXPECT_THROW(Gateway{bad}, std::runtime_error);
  bad = settings_;
  bad.listen = "127.0.0.1";
  Gateway nowhere(bad);
  EXPECT_THROW(nowhere.start({authenticator_, handler_, {}, {}}), std::runtime_error);
}

}  // namespace
}  // namespace carillon::gateway::testing
