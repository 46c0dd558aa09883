#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "unit/gateway/http_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using ports::Access;

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

TEST_F(HttpTest, LargeAnswersThatNobodyReadsAreBounded) {
  constexpr std::size_t kRequests = 10, kBytes = 4'000'000, kFit = 4;
  std::mutex mutex;
  std::vector<ports::HttpResponder> waiting;
  add_route("GET", "/large", Access::open, [&](ports::HttpRequest, ports::HttpResponder respond) {
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(respond));
    if (waiting.size() < kRequests) return;
    // Backwards, so that all wait for the first one.
    for (; !waiting.empty(); waiting.pop_back())
      waiting.back()(ports::HttpResponse::json(200, std::string(kBytes, 'x')));
  });
  start();
  TestClient client(port(), 4096);
  const auto ask_all = [&] {
    std::string requests;
    for (std::size_t i = 0; i < kRequests; ++i) requests += get("/large");
    client.send(requests);
    std::size_t whole = 0;
    for (std::size_t i = 0; i < kRequests; ++i) {
      const Answer answer = client.answer();
      if (answer.status == 200) EXPECT_EQ(answer.body.size(), kBytes);
      if (answer.status == 503) EXPECT_EQ(answer["retry-after"], "1");
      whole += answer.status == 200 ? 1 : 0;
    }
    return whole;
  };
  EXPECT_EQ(ask_all(), kFit);
  EXPECT_EQ(ask_all(), kFit) << "what was read does not count any more";
}

TEST_F(HttpTest, SharedBodiesThatNobodyReadsTakeNoRoomFromOthers) {
  // Together more than all unsent answers may hold.
  constexpr std::size_t kReaders = 40;
  const auto page = std::make_shared<const std::string>(8'000'000, 'p');
  add_route("GET", "/page", Access::open, [&](ports::HttpRequest, ports::HttpResponder respond) {
    ports::HttpResponse response;
    response.shared_body = *page;
    response.shared_owner = page;
    respond(std::move(response));
  });
  add_route("GET", "/large", Access::open, [](ports::HttpRequest, ports::HttpResponder respond) {
    respond(ports::HttpResponse::json(200, std::string(4'000'000, 'x')));
  });
  start();
  std::vector<std::unique_ptr<TestClient>> readers;
  for (std::size_t i = 0; i < kReaders; ++i) {
    readers.push_back(std::make_unique<TestClient>(port(), 4096));
    readers.back()->send(get("/page"));
    EXPECT_EQ(readers.back()->read_line(), "HTTP/1.1 200 OK");
  }
  EXPECT_EQ(figure("carillon_unsent_bytes"), 0);
  EXPECT_EQ(ask(get("/large")).body.size(), 4'000'000u);
  TestClient client(port());
  client.send("HEAD /page HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.answer(true)["content-length"], "8000000");
  client.send(get("/page"));
  EXPECT_EQ(client.answer().body, *page);
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

}  // namespace
}  // namespace carillon::gateway::testing
