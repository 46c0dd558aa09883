#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "unit/gateway/gateway_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using ports::Access;

class HttpTest : public GatewayTest {
 protected:
  HttpTest() {
    add_route("GET", "/open", Access::open, echo_route());
    add_route("POST", "/open", Access::open, echo_route());
    add_route("POST", "/big", Access::open, echo_route(), 4);
    add_route("GET", "/who", Access::token, echo_route());
    add_route("GET", "/metrics", Access::open, echo_route());
    add_route("GET", "/queues/{name}/messages", Access::open, echo_route());
  }
  /// One request on a connection of its own.
  Answer ask(std::string_view request) {
    TestClient client(port());
    client.send(request);
    return client.answer();
  }
  static std::string get(std::string_view target, std::string_view extra = {}) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(extra) + "\r\n";
  }
  static std::string post(std::string_view target, std::string_view body, std::string_view extra = {}) {
    return "POST " + std::string(target) +
           " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string(extra) + "\r\n" + std::string(body);
  }
};

TEST_F(HttpTest, AnswersARoute) {
  start();
  const Answer answer = ask(get("/open?a=b"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "GET /open?a=b []");
  EXPECT_EQ(answer["content-type"], "application/json");
  EXPECT_EQ(answer["x-content-type-options"], "nosniff");
}

TEST_F(HttpTest, TheStageSegmentIsOptional) {
  start();
  EXPECT_EQ(ask(get("/dvl/open")).body, "GET /open? []");
  EXPECT_EQ(ask(get("/dvlx/open")).status, 404);
  EXPECT_EQ(ask(get("/api/metrics")).body, "GET /metrics? []");
  EXPECT_EQ(ask(get("/dvl/api/metrics")).body, "GET /metrics? []");
}

TEST_F(HttpTest, AbsoluteTargetsAreUnderstood) {
  start();
  EXPECT_EQ(ask(get("http://localhost/open?x")).body, "GET /open?x []");
}

TEST_F(HttpTest, ParametersAreDecoded) {
  start();
  EXPECT_EQ(ask(get("/queues/a%20b%2Fc/messages")).body, "GET /queues/a%20b%2Fc/messages? [] a b/c");
}

TEST_F(HttpTest, UnknownPathsAndMethods) {
  start();
  EXPECT_EQ(ask(get("/nowhere")).body, R"({"error":"Not found"})");
  const Answer answer = ask("DELETE /open HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer["allow"], "GET, POST, HEAD, OPTIONS");
  EXPECT_EQ(answer.body, R"({"error":"Method not allowed"})");
}

TEST_F(HttpTest, AnUnknownPathWithABodyKeepsTheConnection) {
  start();
  TestClient client(port());
  client.send(post("/nowhere", std::string(100'000, 'x')) + get("/open"));
  EXPECT_EQ(client.answer().status, 404);
  EXPECT_EQ(client.answer().status, 200);
}

TEST_F(HttpTest, HeadHasTheLengthButNoBody) {
  start();
  TestClient client(port());
  client.send("HEAD /open HTTP/1.1\r\nHost: x\r\n\r\n" + get("/open"));
  const Answer head = client.answer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head["content-length"], std::to_string(std::string("HEAD /open? []").size()));
  EXPECT_EQ(client.answer().body, "GET /open? []");
}

TEST_F(HttpTest, OptionsTellsWhatIsAllowed) {
  start();
  const Answer answer = ask("OPTIONS /open HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer["allow"], "GET, POST, HEAD, OPTIONS");
  EXPECT_EQ(ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").status, 204);
  EXPECT_EQ(ask("OPTIONS /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").status, 404);
}

TEST_F(HttpTest, ChunkedBodiesArriveInAnyPieces) {
  start();
  const std::string request =
      "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
  TestClient client(port());
  for (const char byte : request) client.send({&byte, 1});
  EXPECT_EQ(client.answer().body, "POST /open? [hello world]");
  client.send(request + request);
  EXPECT_EQ(client.answer().body, "POST /open? [hello world]");
  EXPECT_EQ(client.answer().body, "POST /open? [hello world]");
}

TEST_F(HttpTest, ContinueIsSentBeforeTheBody) {
  start();
  TestClient client(port());
  client.send("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_line(), "HTTP/1.1 100 Continue");
  EXPECT_EQ(client.read_line(), "");
  client.send("hello");
  EXPECT_EQ(client.answer().body, "POST /open? [hello]");
}

TEST_F(HttpTest, ContinueIsNotSentForWhatIsRefused) {
  start();
  EXPECT_EQ(
      ask("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").status,
      404);
  EXPECT_EQ(
      ask("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\nExpect: 100-continue\r\n\r\n").status,
      413);
  EXPECT_EQ(ask("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: magic\r\n\r\n").status, 417);
}

struct BadRequest {
  std::string name;
  std::string bytes;
  int status;
};
void PrintTo(const BadRequest& request, std::ostream* out) {
  *out << request.name;
}

class BadRequestTest : public HttpTest, public ::testing::WithParamInterface<BadRequest> {};

TEST_P(BadRequestTest, IsAnsweredAndNotJustClosed) {
  start();
  TestClient client(port());
  client.send(GetParam().bytes);
  const Answer answer = client.answer();
  EXPECT_EQ(answer.status, GetParam().status) << answer.body;
  EXPECT_TRUE(answer.body.starts_with(R"({"error":")")) << answer.body;
  EXPECT_EQ(answer["connection"], "close");
  EXPECT_TRUE(client.ended());
}

INSTANTIATE_TEST_SUITE_P(
    Http, BadRequestTest,
    ::testing::Values(
        BadRequest{"Garbage", "\x16\x03\x01 hello", 400}, BadRequest{"NoVersion", "GET /open\r\n\r\n", 400},
        BadRequest{"BareLf", "GET /open HTTP/1.1\nHost: x\n\n", 400},
        BadRequest{"Version2", "GET /open HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        BadRequest{"NoHost", "GET /open HTTP/1.1\r\n\r\n", 400},
        BadRequest{"TwoHosts", "GET /open HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        BadRequest{"BadHost", "GET /open HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        BadRequest{"SpaceBeforeColon", "GET /open HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        BadRequest{"LengthAndChunked",
                   "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n0\r\n\r\n",
                   400},
        BadRequest{"ChunkedAndLength",
                   "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
                   "5\r\n\r\n0\r\n\r\n",
                   400},
        BadRequest{"TwoLengths",
                   "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
                   400},
        BadRequest{"LengthNoNumber", "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400},
        BadRequest{"LengthTooLong",
                   "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
        BadRequest{"ChunkSize", "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                   400},
        BadRequest{
            "ChunkEnd",
            "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", 400},
        BadRequest{"ChunkExtensionForEver",
                   "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                       std::string(70'000, 'a'),
                   400},
        BadRequest{"Gzip", "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        BadRequest{"GzipChunked",
                   "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        BadRequest{"ChunkedTwice",
                   "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400},
        BadRequest{"Fragment", "GET /open#x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"NoSlash", "GET open HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"LongTarget", "GET /" + std::string(8200, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
        BadRequest{"EndlessTarget", "GET /" + std::string(20'000, 'a'), 414},
        BadRequest{"LongHeader",
                   "GET /open HTTP/1.1\r\nHost: x\r\nA: " + std::string(17'000, 'a') + "\r\n\r\n", 431},
        BadRequest{"EndlessHeader", "GET /open HTTP/1.1\r\nHost: x\r\nA: " + std::string(17'000, 'a'), 431},
        BadRequest{"DeclaredTooLarge", "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 262145\r\n\r\n",
                   413},
        BadRequest{"StreamedTooLarge",
                   "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40001\r\n" +
                       std::string(0x40001, 'a'),
                   413}),
    [](const auto& info) { return info.param.name; });

TEST_F(HttpTest, HeadersInSmallPiecesAreBoundedToo) {
  start();
  TestClient client(port());
  client.send("GET /open HTTP/1.1\r\nHost: x\r\n");
  const std::string field = "X-Field: " + std::string(500, 'a') + "\r\n";
  for (int i = 0; i < 33; ++i) client.send(field);
  EXPECT_EQ(client.answer().status, 431);
}

TEST_F(HttpTest, TheClientThatStillSendsCanReadItsRefusal) {
  start();
  TestClient client(port());
  client.send("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n");
  for (int i = 0; i < 20; ++i) client.send(std::string(50'000, 'x'));
  EXPECT_EQ(client.answer().status, 413);
}

TEST_F(HttpTest, TheBodyFactorOfARouteCounts) {
  start();
  TestClient client(port());
  client.send(post("/big", std::string(1'000'000, 'x')));
  EXPECT_EQ(client.answer().body.size(), 1'000'000 + std::string("POST /big? []").size());
  client.send(post("/big", std::string(4 * 262'144 + 1, 'x')));
  EXPECT_EQ(client.answer().status, 413);
}

TEST_F(HttpTest, PipelinedRequestsAreAnsweredInOrder) {
  // The handlers answer in reverse.
  std::mutex mutex;
  std::vector<std::pair<std::string, ports::HttpResponder>> waiting;
  add_route("GET", "/later/{n}", Access::open, [&](ports::HttpRequest request, ports::HttpResponder respond) {
    const std::lock_guard lock(mutex);
    waiting.emplace_back(request.parameters[0], std::move(respond));
    if (waiting.size() < 5) return;
    while (!waiting.empty()) {
      waiting.back().second(ports::HttpResponse::json(200, waiting.back().first));
      waiting.pop_back();
    }
  });
  start();
  TestClient client(port());
  std::string requests;
  for (int i = 0; i < 5; ++i) requests += get("/later/" + std::to_string(i));
  client.send(requests);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.answer().body, std::to_string(i));
}

TEST_F(HttpTest, PipeliningIsBoundedAndGoesOn) {
  std::mutex mutex;
  std::vector<ports::HttpResponder> waiting;
  std::promise<void> bound_reached;
  add_route("GET", "/later", Access::open, [&](ports::HttpRequest, ports::HttpResponder respond) {
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(respond));
    if (waiting.size() == 64) bound_reached.set_value();
  });
  start();
  TestClient client(port());
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += get("/later");
  client.send(requests);
  bound_reached.get_future().wait();
  settle();
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(waiting.size(), 64u);
  }
  for (int answered = 0; answered < 100; ++answered) {
    ports::HttpResponder next;
    while (!next) {
      const std::lock_guard lock(mutex);
      if (waiting.empty()) continue;
      next = std::move(waiting.front());
      waiting.erase(waiting.begin());
    }
    next(ports::HttpResponse::json(200, std::to_string(answered)));
    EXPECT_EQ(client.answer().body, std::to_string(answered));
  }
}

TEST_F(HttpTest, AnswersComeFromAnyThread) {
  add_route("GET", "/thread", Access::open, [](ports::HttpRequest, ports::HttpResponder respond) {
    std::thread([respond = std::move(respond)]() mutable {
      respond(ports::HttpResponse::json(201, "{}"));
    }).detach();
  });
  start();
  EXPECT_EQ(ask(get("/thread")).status, 201);
}

TEST_F(HttpTest, ALostRequestIsAnswered500) {
  add_route("GET", "/lost", Access::open, [](ports::HttpRequest, ports::HttpResponder) {});
  add_route("GET", "/throws", Access::open,
            [](ports::HttpRequest, ports::HttpResponder) { throw std::runtime_error("no"); });
  start();
  EXPECT_EQ(ask(get("/lost")).status, 500);
  EXPECT_EQ(ask(get("/throws")).status, 500);
}

TEST_F(HttpTest, HeaderValuesOfHandlersCannotBreakOut) {
  add_route("GET", "/evil", Access::open, [](ports::HttpRequest, ports::HttpResponder respond) {
    auto response = ports::HttpResponse::json(200, "{}");
    response.headers.emplace_back("X-A", "1\r\nX-B: 2");
    response.headers.emplace_back("X C", "3");
    respond(std::move(response));
  });
  start();
  const Answer answer = ask(get("/evil"));
  EXPECT_EQ(answer["x-a"], "");
  EXPECT_EQ(answer["x-b"], "");
  EXPECT_EQ(answer["x c"], "");
}

TEST_F(HttpTest, ConnectionCloseAndHttp10) {
  start();
  TestClient client(port());
  client.send(get("/open", "Connection: close\r\n") + get("/open"));
  EXPECT_EQ(client.answer()["connection"], "close");
  EXPECT_TRUE(client.ended());

  TestClient old(port());
  old.send("GET /open HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.answer().status, 200);
  EXPECT_TRUE(old.ended());

  TestClient kept(port());
  kept.send("GET /open HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.answer()["connection"], "keep-alive");
  kept.send("GET /open HTTP/1.0\r\n\r\n");
  EXPECT_EQ(kept.answer().status, 200);
  EXPECT_TRUE(kept.ended());
}

TEST_F(HttpTest, AHalfClosedClientGetsItsAnswers) {
  start();
  TestClient client(port());
  client.send(get("/open") + get("/open"));
  client.shutdown_write();
  EXPECT_EQ(client.answer().status, 200);
  EXPECT_EQ(client.answer().status, 200);
  EXPECT_TRUE(client.ended());
}

TEST_F(HttpTest, TokensAreVerifiedOncePerConnection) {
  start();
  TestClient client(port());
  for (int i = 0; i < 3; ++i) {
    client.send(get("/who", "Authorization: Bearer good\r\n"));
    EXPECT_EQ(client.answer().body, "GET /who? [] alice");
  }
  EXPECT_EQ(authenticator_.calls, 1);
  client.send(get("/who", "Authorization: Bearer bob\r\n"));
  EXPECT_EQ(client.answer().body, "GET /who? [] bob");
  client.send(get("/who", "Authorization: Bearer wrong\r\n"));
  const Answer refused = client.answer();
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused["www-authenticate"], "Bearer");
  EXPECT_EQ(refused.body, R"({"error":"Unauthorized","details":"unknown token"})");
  client.send(get("/who"));
  EXPECT_EQ(client.answer().body, R"({"error":"Unauthorized","details":"bearer token missing"})");
  EXPECT_EQ(authenticator_.calls, 3);
}

TEST_F(HttpTest, ARememberedTokenIsNotBelievedAfterItsExpiry) {
  start();
  authenticator_.expires_at = wall() + 10'000;
  TestClient client(port());
  client.send(get("/who", "Authorization: Bearer good\r\n"));
  EXPECT_EQ(client.answer().status, 200);
  advance(std::chrono::seconds(11));
  client.send(get("/who", "Authorization: Bearer good\r\n"));
  client.answer();
  EXPECT_EQ(authenticator_.calls, 2);
}

TEST_F(HttpTest, PipelinedRequestsKeepTheirOrderBehindASlowVerification) {
  start();
  authenticator_.later = true;
  TestClient client(port());
  client.send(get("/who", "Authorization: Bearer good\r\n") + get("/open?1") +
              get("/who", "Authorization: Bearer bob\r\n") + get("/open?2"));
  EXPECT_EQ(client.answer().body, "GET /who? [] alice");
  EXPECT_EQ(client.answer().body, "GET /open?1 []");
  EXPECT_EQ(client.answer().body, "GET /who? [] bob");
  EXPECT_EQ(client.answer().body, "GET /open?2 []");
}

TEST_F(HttpTest, SlowHeadersAndBodiesAreAnswered408) {
  start();
  TestClient header(port());
  header.send("GET /open HTTP/1.1\r\nHo");
  TestClient body(port());
  body.send("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel");
  TestClient silent(port());
  TestClient good(port());
  good.send(get("/open"));
  EXPECT_EQ(good.answer().status, 200);
  settle();
  advance(settings_.handshake_timeout);
  EXPECT_EQ(header.answer().status, 408);
  EXPECT_EQ(body.answer().status, 408);
  EXPECT_EQ(silent.answer().status, 408);
  EXPECT_TRUE(header.ended());
  good.send(get("/open"));
  EXPECT_EQ(good.answer().status, 200);
  advance(settings_.heartbeat_timeout);
  EXPECT_TRUE(good.ended());
}

TEST_F(HttpTest, LargeAnswersReachASlowReader) {
  add_route("GET", "/large", Access::open, [](ports::HttpRequest, ports::HttpResponder respond) {
    respond(ports::HttpResponse::json(200, std::string(8'000'000, 'x')));
  });
  start();
  TestClient client(port(), 4096);
  client.send(get("/large") + get("/open"));
  EXPECT_EQ(client.answer().body.size(), 8'000'000u);
  EXPECT_EQ(client.answer().status, 200);
}

TEST_F(HttpTest, APeerThatTakesNothingIsDropped) {
  add_route("GET", "/large", Access::open, [](ports::HttpRequest, ports::HttpResponder respond) {
    respond(ports::HttpResponse::json(200, std::string(30'000'000, 'x')));
  });
  start();
  TestClient client(port(), 4096);
  client.send(get("/large"));
  client.read_line();
  // The sweep that ends this idle connection comes by the one before it as well.
  TestClient idle(port());
  idle.send(get("/open"));
  EXPECT_EQ(idle.answer().status, 200);
  settle();
  advance(settings_.heartbeat_timeout);
  EXPECT_TRUE(idle.ended());
  EXPECT_THROW(client.read_exactly(30'000'000), std::runtime_error);
}

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
