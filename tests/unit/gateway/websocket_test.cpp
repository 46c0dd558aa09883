#include <future>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "unit/gateway/gateway_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using model::Opcode;
using std::chrono::seconds;

class WebSocketTest : public GatewayTest {
 protected:
  Answer ask(std::string_view request) {
    TestClient client(port());
    client.send(request);
    return client.answer();
  }
};

TEST_F(WebSocketTest, OpensOnEveryDocumentedPath) {
  start();
  for (const char* path : {"/", "/ws", "/dvl", "/dvl/", "/dvl/ws", "/?token=x", "/dvl?chatId=a"}) open(path);
  EXPECT_EQ(ask(upgrade_request("/elsewhere")).status, 404);
}

TEST_F(WebSocketTest, TheHandlerSeesTheRequest) {
  start();
  open("/dvl?user=zoe&chatId=a", "Sec-WebSocket-Protocol: bearer.x, carillon.v1\r\nUser-Agent: test\r\n");
  handler_.connection(0);
  const ports::UpgradeRequest& seen = handler_.last_request;
  EXPECT_EQ(seen.http.path, "/");
  EXPECT_EQ(seen.http.query, "user=zoe&chatId=a");
  EXPECT_EQ(seen.http.header("user-agent"), "test");
  EXPECT_EQ(seen.http.source_address, "127.0.0.1");
  EXPECT_EQ(seen.subprotocols, (std::vector<std::string>{"bearer.x", "carillon.v1"}));
  EXPECT_EQ(seen.connection.str().size(), 16u);
}

TEST_F(WebSocketTest, OnlyTheChosenSubprotocolIsEchoed) {
  start();
  TestClient client(port());
  client.send(upgrade_request("/", "Sec-WebSocket-Protocol: bearer.x, carillon.v1\r\n"));
  EXPECT_EQ(client.answer()["sec-websocket-protocol"], "carillon.v1");
  EXPECT_EQ(client.frame().payload, R"({"type":"connected"})");

  TestClient plain(port());
  plain.send(upgrade_request("/"));
  const Answer answer = plain.answer();
  EXPECT_FALSE(answer.headers.contains("sec-websocket-protocol"));
  EXPECT_FALSE(answer.headers.contains("sec-websocket-extensions"));
}

TEST_F(WebSocketTest, HandshakesOutOfOrderAreRefused) {
  start();
  const auto request = [](std::string_view lines) {
    return "GET / HTTP/1.1\r\nHost: localhost\r\n" + std::string(lines) + "\r\n";
  };
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string up = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
  EXPECT_EQ(ask(request(up + key + "Sec-WebSocket-Version: 13\r\n")).status, 101);
  for (const char* version : {"Sec-WebSocket-Version: 12\r\n", ""}) {
    const Answer answer = ask(request(up + key + version));
    EXPECT_EQ(answer.status, 426);
    EXPECT_EQ(answer["sec-websocket-version"], "13");
  }
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  EXPECT_EQ(ask(request(up + version)).status, 400);
  EXPECT_EQ(ask(request(up + version + key + key)).status, 400);
  EXPECT_EQ(ask(request(up + version + "Sec-WebSocket-Key: c2hvcnQ=\r\n")).status, 400);
  EXPECT_EQ(ask(request(up + version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n")).status, 400);
  EXPECT_EQ(ask(request("Upgrade: websocket\r\n" + version + key)).status, 400);
  EXPECT_EQ(ask(request("")).status, 426);
  EXPECT_EQ(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + up + version + key + "\r\n").status,
            405);
  EXPECT_EQ(ask("GET / HTTP/1.0\r\nHost: x\r\n" + up + version + key + "\r\n").status, 400);
}

TEST_F(WebSocketTest, ARefusalOfTheHandlerIsTheAnswer) {
  handler_.connecting = [](auto&, auto& done, auto&) {
    auto taken = std::move(done);
    done = nullptr;
    taken(model::fail(model::errors::kUserIdMismatch));
  };
  start();
  TestClient client(port());
  client.send(upgrade_request("/"));
  const Answer answer = client.answer();
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body, R"({"error":"Forbidden - userId does not match token"})");
  EXPECT_FALSE(handler_.is_disconnected(handler_.connection(0)));
}

TEST_F(WebSocketTest, OriginsOfPagesAreChecked) {
  settings_.allowed_origins = {"https://app.example.com"};
  start();
  const auto status = [&](std::string_view origin, std::string_view host = "localhost:8080") {
    std::string request = upgrade_request("/", "Origin: " + std::string(origin) + "\r\n");
    request.replace(request.find("localhost"), 9, host);
    return ask(request).status;
  };
  EXPECT_EQ(status("https://app.example.com"), 101);
  EXPECT_EQ(status("https://APP.example.com:443"), 101);
  EXPECT_EQ(status("http://localhost:8080"), 101);
  EXPECT_EQ(status("http://example.com", "example.com:80"), 101);
  EXPECT_EQ(status("http://app.example.com"), 403);
  EXPECT_EQ(status("https://app.example.com:8443"), 403);
  EXPECT_EQ(status("https://localhost:8080"), 403);
  EXPECT_EQ(status("http://localhost:8081"), 403);
  EXPECT_EQ(status("null"), 403);
  EXPECT_EQ(status("https://app.example.com.evil.com"), 403);
  EXPECT_EQ(status("https://user@app.example.com"), 403);
  EXPECT_EQ(ask(upgrade_request("/", "Origin: null\r\n")).body,
            R"({"error":"Forbidden - Origin not allowed"})");
}

TEST_F(WebSocketTest, DevAllowsLoopbackOrigins) {
  settings_.dev = true;
  start();
  EXPECT_EQ(ask(upgrade_request("/", "Origin: http://localhost:3000\r\n")).status, 101);
  EXPECT_EQ(ask(upgrade_request("/", "Origin: http://[::1]:3000\r\n")).status, 101);
  EXPECT_EQ(ask(upgrade_request("/", "Origin: http://example.com\r\n")).status, 403);
}

TEST_F(WebSocketTest, AnUpgradeWaitsForTheAnswersBeforeIt) {
  std::promise<ports::HttpResponder> waiting;
  add_route("GET", "/later", ports::Access::open,
            [&](ports::HttpRequest, ports::HttpResponder respond) { waiting.set_value(std::move(respond)); });
  start();
  TestClient client(port());
  client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n" + upgrade_request("/") + text_frame("early"));
  auto respond = waiting.get_future().get();
  respond(ports::HttpResponse::json(200, "{}"));
  EXPECT_EQ(client.answer().status, 200);
  EXPECT_EQ(client.answer().status, 101);
  EXPECT_EQ(handler_.frame(0), "early");
}

TEST_F(WebSocketTest, FramesReachTheHandlerAndAnswersTheClient) {
  handler_.receiving = [](const ports::FrameContext& context, std::string_view text) {
    EXPECT_EQ(context.identity->user.str(), "alice");
    context.socket->send("you said " + std::string(text));
  };
  start();
  const auto client = open();
  client->send(text_frame("hello"));
  EXPECT_EQ(client->message().payload, "you said hello");
  client->send(text_frame(std::string(100'000, 'x')));
  EXPECT_EQ(client->message().payload.size(), 100'009u);
  client->send(text_frame(""));
  EXPECT_EQ(client->message().payload, "you said ");
}

TEST_F(WebSocketTest, ManyFramesInOneWriteAreAllHandled) {
  handler_.receiving = [](const ports::FrameContext& context, std::string_view text) {
    context.socket->send(std::string(text));
  };
  start();
  const auto client = open();
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += text_frame(std::to_string(i));
  client->send(bytes);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(client->message().payload, std::to_string(i));
}

TEST_F(WebSocketTest, SocketsMayBeAnsweredFromAnyThread) {
  start();
  const auto client = open();
  client->send(text_frame("x"));
  handler_.frame(0);
  const auto socket = handler_.socket();
  for (int i = 0; i < 100; ++i) socket->send(std::to_string(i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client->message().payload, std::to_string(i));
  socket->close(4403, "out");
  const ServerFrame closing = client->message();
  EXPECT_EQ(closing.close_code(), 4403);
  EXPECT_EQ(closing.payload.substr(2), "out");
  client->send(close_frame(4403));
  EXPECT_TRUE(client->ended());
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 4403);
  EXPECT_FALSE(handler_.closed_by_client(handler_.connection(0)));
  socket->send("too late");
  settle();
}

TEST_F(WebSocketTest, HandlesMayOutliveTheGateway) {
  start();
  const auto client = open();
  client->send(text_frame("x"));
  handler_.frame(0);
  const auto socket = handler_.socket();
  gateway_->stop();
  gateway_.reset();
  socket->send("nobody there");
  socket->close(1000, "");
}

TEST_F(WebSocketTest, PingsAreAnswered) {
  start();
  const auto client = open();
  client->send(ClientFrame{.opcode = Opcode::ping, .payload = "are you there"}.bytes());
  const ServerFrame pong = client->frame();
  EXPECT_EQ(pong.opcode, Opcode::pong);
  EXPECT_EQ(pong.payload, "are you there");
  // Of many pings of one turn the latest is answered.
  std::string pings;
  for (int i = 0; i < 10; ++i)
    pings += ClientFrame{.opcode = Opcode::ping, .payload = std::to_string(i)}.bytes();
  client->send(pings);
  std::string last;
  while (last != "9") {
    const ServerFrame each = client->frame();
    EXPECT_EQ(each.opcode, Opcode::pong);
    last = each.payload;
  }
}

TEST_F(WebSocketTest, TheClientsCloseIsEchoed) {
  start();
  const auto client = open();
  client->send(close_frame(3999, "bye"));
  EXPECT_EQ(client->frame().close_code(), 3999);
  EXPECT_TRUE(client->ended());
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 3999);
  EXPECT_TRUE(handler_.closed_by_client(handler_.connection(0)));

  const auto quiet = open();
  quiet->send(ClientFrame{.opcode = Opcode::close}.bytes());
  const ServerFrame answer = quiet->frame();
  EXPECT_EQ(answer.opcode, Opcode::close);
  EXPECT_EQ(answer.payload, "");
  EXPECT_TRUE(quiet->ended());
  EXPECT_EQ(handler_.disconnected(handler_.connection(1)), 1005);
}

TEST_F(WebSocketTest, ASocketThatJustEndsIs1006) {
  start();
  auto client = open();
  client.reset();
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 1006);
  auto aborted = open();
  aborted->abort();
  EXPECT_EQ(handler_.disconnected(handler_.connection(1)), 1006);
  auto half = open();
  half->shutdown_write();
  EXPECT_EQ(handler_.disconnected(handler_.connection(2)), 1006);
}

TEST_F(WebSocketTest, ViolationsCloseWithTheirCode) {
  start();
  const auto code_for = [&](std::string_view bytes) {
    const auto client = open();
    client->send(bytes);
    const std::uint16_t code = client->message().close_code();
    EXPECT_TRUE(client->ended());
    return code;
  };
  EXPECT_EQ(code_for(ClientFrame{.masked = false}.bytes()), 1002);
  EXPECT_EQ(code_for(ClientFrame{.opcode = Opcode::binary}.bytes()), 1003);
  EXPECT_EQ(code_for(text_frame("\xff")), 1007);
  EXPECT_EQ(code_for(text_frame(std::string(262'145, 'x')).substr(0, 20)), 1009);
  EXPECT_EQ(handler_.disconnected(handler_.connection(3)), 1009);
  // A whole frame over the limit: the client can still read why.
  EXPECT_EQ(code_for(text_frame(std::string(300'000, 'x'))), 1009);
}

TEST_F(WebSocketTest, AHandlerThatThrowsClosesWith1011) {
  handler_.receiving = [](const auto&, auto) { throw std::runtime_error("no"); };
  start();
  const auto client = open();
  client->send(text_frame("x"));
  EXPECT_EQ(client->message().close_code(), 1011);
}

TEST_F(WebSocketTest, SilenceIsPingedAndThenClosed) {
  start();
  const auto client = open();
  settle();
  advance(settings_.heartbeat);
  EXPECT_EQ(client->frame().opcode, Opcode::ping);
  client->send(ClientFrame{.opcode = Opcode::pong}.bytes());
  client->send(text_frame("alive"));
  handler_.frame(0);
  EXPECT_EQ(handler_.record(handler_.connection(0))->last_active_at / 10'000, wall() / 10'000);
  advance(settings_.heartbeat);
  EXPECT_EQ(client->frame().opcode, Opcode::ping);
  advance(settings_.heartbeat_timeout - settings_.heartbeat);
  EXPECT_EQ(client->message().close_code(), 4408);
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 4408);
}

TEST_F(WebSocketTest, AClientThatDoesNotAnswerTheCloseIsDropped) {
  start();
  const auto client = open();
  gateway_->close(0, handler_.connection(0), 4403, "out");
  EXPECT_EQ(client->message().close_code(), 4403);
  settle();
  advance(seconds(5));
  EXPECT_TRUE(client->ended());
}

TEST_F(WebSocketTest, TokenExpiryIsAnnouncedAndThenCloses) {
  handler_.expires_at = wall() + 100'000;
  start();
  const auto client = open();
  settle();
  advance(seconds(45));
  EXPECT_EQ(client->message().payload,
            "{\"type\":\"tokenExpiring\",\"expiresAt\":" + std::to_string(handler_.expires_at) + "}");
  client->send(text_frame("x"));
  handler_.frame(0);
  auto fresh = std::make_shared<model::Identity>();
  fresh->user = model::UserId("alice");
  fresh->expires_at = wall() + 150'000;
  handler_.socket()->set_identity(fresh);
  settle();
  advance(seconds(58));
  client->send(text_frame("still here"));
  handler_.frame(1);
  settle();
  EXPECT_FALSE(handler_.is_disconnected(handler_.connection(0)));
  advance(seconds(40));
  EXPECT_EQ(client->message().payload,
            "{\"type\":\"tokenExpiring\",\"expiresAt\":" + std::to_string(fresh->expires_at) + "}");
  client->send(text_frame("x"));
  handler_.frame(2);
  advance(seconds(55));
  EXPECT_EQ(client->message().close_code(), 4401);
  EXPECT_EQ(handler_.disconnected(handler_.connection(0)), 4401);
}

TEST_F(WebSocketTest, EchoTakesEverythingUnchanged) {
  settings_.dev = true;
  start();
  const auto client = open("/echo");
  client->send(text_frame("h\xc3\xa4llo"));
  EXPECT_EQ(client->message().payload, "h\xc3\xa4llo");
  client->send(ClientFrame{.opcode = Opcode::binary, .payload = std::string("\x00\xff", 2)}.bytes());
  const ServerFrame binary = client->message();
  EXPECT_EQ(binary.opcode, Opcode::binary);
  EXPECT_EQ(binary.payload, std::string("\x00\xff", 2));
  client->send(ClientFrame{.payload = "a", .final = false}.bytes() +
               ClientFrame{.opcode = Opcode::ping, .payload = "p"}.bytes() +
               ClientFrame{.opcode = Opcode::continuation, .payload = "b"}.bytes());
  std::multiset<std::string> seen{client->message().payload, client->message().payload};
  EXPECT_EQ(seen, (std::multiset<std::string>{"ab", "p"}));
  client->send(close_frame(1000));
  EXPECT_EQ(client->message().close_code(), 1000);
}

TEST_F(WebSocketTest, EchoStopsReadingFromAClientThatDoesNot) {
  settings_.dev = true;
  start();
  const auto client = open("/echo", {}, 4096);
  const std::string frame = text_frame(std::string(200'000, 'x'));
  // More than the sockets and the outbound buffer hold together.
  std::thread writer([&] {
    for (int i = 0; i < 100; ++i) client->send(frame);
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client->message().payload.size(), 200'000u);
  writer.join();
}

TEST_F(WebSocketTest, EchoIsThereInDevOnly) {
  start();
  EXPECT_EQ(ask(upgrade_request("/echo")).status, 404);
}

}  // namespace
}  // namespace carillon::gateway::testing
