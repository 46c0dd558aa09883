#include "cli/websocket_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "unit/cli/fake_server.hpp"

namespace carillon::cli {
namespace {

using model::Opcode;
using testing::HasSubstr;
using Ending = WebSocketClient::Ending;

WebSocketClient::Options options_for(const std::string& url) {
  return {
      .endpoint = *parse_endpoint(url), .target = "/ws?chatId=a", .token = "T", .subprotocol = "carillon.v1"};
}

std::string accepting(const std::string& request) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Accept: " +
         websocket_accept(header_value(request, "sec-websocket-key")) +
         "\r\nSec-WebSocket-Protocol: carillon.v1\r\n\r\n";
}

std::string frame(Opcode opcode, std::string_view payload) {
  std::string out;
  model::append_frame(out, opcode, payload);
  return out;
}

TEST(WebSocketClient, TheAcceptValueIsThatOfTheRfc) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketClient, AsksWithTokenAndSubprotocol) {
  const auto endpoint = *parse_endpoint("https://h.example/dvl/");
  const std::string request = upgrade_request(
      {.endpoint = endpoint, .target = "/ws", .token = "T", .subprotocol = "carillon.v1"}, "KEY");
  EXPECT_TRUE(request.starts_with("GET /dvl/ws HTTP/1.1\r\nHost: h.example\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nAuthorization: Bearer T\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nSec-WebSocket-Key: KEY\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nSec-WebSocket-Protocol: carillon.v1\r\n"));
  EXPECT_TRUE(request.ends_with("\r\n\r\n"));
}

TEST(WebSocketClient, AnAnswerMustAcceptThisHandshake) {
  const std::string good =
      "HTTP/1.1 101 X\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      websocket_accept("K") + "\r\nSec-WebSocket-Protocol: p";
  EXPECT_TRUE(check_upgrade(good, "K", "p"));
  EXPECT_FALSE(check_upgrade(good, "L", "p"));
  EXPECT_FALSE(check_upgrade(good, "K", "q"));
  EXPECT_FALSE(check_upgrade(good + "\r\nSec-WebSocket-Extensions: permessage-deflate", "K", "p"));
  EXPECT_FALSE(check_upgrade("HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade", "K", ""));
  EXPECT_EQ(status_of("HTTP/1.1 403 Forbidden"), 403);
  EXPECT_EQ(status_of("HTTP/1.1 4x3"), 0);
  EXPECT_EQ(status_of("SSH-2.0-OpenSSH"), 0);
}

TEST(WebSocketClient, ReadsMessagesAnswersPingsAndReportsTheClose) {
  std::string request, pong, close;
  {
    FakeServer server([&](int socket) {
      request = FakeServer::read_until(socket, "\r\n\r\n");
      // The first frame comes with the answer, another in two halves.
      FakeServer::write(
          socket, accepting(request) + frame(Opcode::text, "one") + frame(Opcode::text, "two").substr(0, 3));
      FakeServer::write(socket, frame(Opcode::text, "two").substr(3) + frame(Opcode::ping, "beat"));
      pong = FakeServer::read_bytes(socket, 10);
      FakeServer::write(socket, frame(Opcode::close, "\x11\x31token expired"));
      close = FakeServer::read_bytes(socket, 8);
    });
    auto client = WebSocketClient::connect(options_for(server.url("/dvl")));
    ASSERT_TRUE(client) << client.error().reason;
    EXPECT_EQ(client->next().message.payload, "one");
    EXPECT_EQ(client->next().message.payload, "two");
    const auto last = client->next();
    EXPECT_EQ(last.ending, Ending::closed);
    EXPECT_EQ(last.message.code, 4401);
    EXPECT_EQ(last.message.payload, "token expired");
  }
  EXPECT_TRUE(request.starts_with("GET /dvl/ws?chatId=a HTTP/1.1\r\n"));
  ASSERT_EQ(pong.size(), 10u);
  EXPECT_EQ(static_cast<std::uint8_t>(pong[0]), 0x8a);
  EXPECT_EQ(static_cast<std::uint8_t>(pong[1]), 0x84);
  std::string unmasked;
  for (std::size_t i = 0; i < 4; ++i) unmasked += static_cast<char>(pong[6 + i] ^ pong[2 + i]);
  EXPECT_EQ(unmasked, "beat");
  EXPECT_EQ(static_cast<std::uint8_t>(close.at(0)), 0x88);
}

TEST(WebSocketClient, ARefusalKeepsTheServersAnswer) {
  FakeServer server([](int socket) {
    FakeServer::read_until(socket, "\r\n\r\n");
    FakeServer::write(socket, "HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\n\r\n{\"error\":");
    FakeServer::write(socket, "\"F\"}");
    FakeServer::read_bytes(socket, 1);
  });
  const auto client = WebSocketClient::connect(options_for(server.url()));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().reply.status, 403);
  EXPECT_EQ(client.error().reply.body, "{\"error\":\"F\"}");
}

TEST(WebSocketClient, AServerThatBreaksOffIsLost) {
  FakeServer server([](int socket) {
    const std::string request = FakeServer::read_until(socket, "\r\n\r\n");
    FakeServer::write(socket, accepting(request));
  });
  auto client = WebSocketClient::connect(options_for(server.url()));
  ASSERT_TRUE(client) << client.error().reason;
  const auto event = client->next();
  EXPECT_EQ(event.ending, Ending::lost);
  EXPECT_EQ(event.reason, "the server closed the connection");
}

TEST(WebSocketClient, AProtocolErrorIsAnsweredWith1002) {
  std::string close;
  {
    FakeServer server([&](int socket) {
      const std::string request = FakeServer::read_until(socket, "\r\n\r\n");
      FakeServer::write(socket, accepting(request) +
                                    "\xc1\x01"
                                    "a");
      close = FakeServer::read_bytes(socket, 8);
    });
    auto client = WebSocketClient::connect(options_for(server.url()));
    if (client) {
      const auto event = client->next();
      EXPECT_EQ(event.ending, Ending::lost);
      EXPECT_EQ(event.reason, "the server sent a frame with a reserved bit set");
    } else {
      // The frame came with the answer to the upgrade.
      EXPECT_EQ(client.error().reason, "the server sent a frame with a reserved bit set");
      return;
    }
  }
  ASSERT_EQ(close.size(), 8u);
  EXPECT_EQ((close[6] ^ close[2]) << 8 | static_cast<std::uint8_t>(close[7] ^ close[3]), 1002);
}

TEST(WebSocketClient, WaitingCanBeInterrupted) {
  const int interrupt = ::eventfd(0, 0);
  {
    std::string close;
    FakeServer server([&](int socket) {
      const std::string request = FakeServer::read_until(socket, "\r\n\r\n");
      FakeServer::write(socket, accepting(request) + frame(Opcode::text, "ready"));
      close = FakeServer::read_bytes(socket, 8);
      FakeServer::write(socket, frame(Opcode::close, "\x03\xe8"));
      EXPECT_EQ((close[6] ^ close[2]) << 8 | static_cast<std::uint8_t>(close[7] ^ close[3]), 1000);
    });
    auto options = options_for(server.url());
    options.interrupt = interrupt;
    auto client = WebSocketClient::connect(options);
    ASSERT_TRUE(client) << client.error().reason;
    EXPECT_EQ(client->next().message.payload, "ready");
    std::uint64_t one = 1;
    ASSERT_EQ(::write(interrupt, &one, sizeof(one)), 8);
    EXPECT_EQ(client->next().ending, Ending::interrupted);
    ASSERT_EQ(::read(interrupt, &one, sizeof(one)), 8);
    client->close(1000);
  }
  ::close(interrupt);
}

TEST(WebSocketClient, NobodyListening) {
  const auto client = WebSocketClient::connect(options_for("http://127.0.0.1:1"));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().reply.status, 0);
  EXPECT_EQ(client.error().reason, "Connection refused");
}

}  // namespace
}  // namespace carillon::cli
