#include "cli/listen.hpp"

#include <csignal>
#include <sstream>

#include <gtest/gtest.h>
#include <pthread.h>

#include "unit/cli/scripted_server.hpp"

namespace carillon::cli {
namespace {

using model::Opcode;

struct Ran {
  int status;
  std::string out, err;
};

Ran run_against(std::function<void(int)> script) {
  FakeServer server(std::move(script));
  ListenOptions options;
  options.client.url = server.url();
  std::ostringstream out, err;
  Console console{out, err};
  const int status = listen(options, console);
  return {status, out.str(), err.str()};
}

TEST(Listen, EndsWithOneAndTheCodeWhenTheServerCloses) {
  const Ran ran = run_against([](int socket) {
    const std::string request = FakeServer::read_until(socket, "\r\n\r\n");
    FakeServer::write(socket, accepting(request) + frame(Opcode::text, "{\"a\":\"\u202e\"}") +
                                  frame(Opcode::text, "{\"b\":1}") +
                                  frame(Opcode::close, "\x11\x31token expired\x1b"));
    FakeServer::read_bytes(socket, 8);
  });
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.out, "{\"a\":\"\\u202e\"}\n{\"b\":1}\n");
  EXPECT_EQ(ran.err,
            "carillon listen: closed by the server, code 4401: token expired\\u{001b}\n"
            "The token has expired: take a new one.\n");
}

TEST(Listen, EndsWithZeroOnInterrupt) {
  const pthread_t listener = pthread_self();
  std::string close;
  const Ran ran = run_against([&](int socket) {
    const std::string request = FakeServer::read_until(socket, "\r\n\r\n");
    FakeServer::write(socket, accepting(request));
    pthread_kill(listener, SIGINT);
    close = FakeServer::read_bytes(socket, 8);
    FakeServer::write(socket, frame(Opcode::close, "\x03\xe8"));
  });
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
}

TEST(Listen, ExplainsARefusal) {
  const Ran ran = run_against([](int socket) {
    FakeServer::read_until(socket, "\r\n\r\n");
    const std::string body = R"({"error":"Forbidden - No chat access","chatIds":["c"]})";
    FakeServer::write(socket, "HTTP/1.1 403 Forbidden\r\nContent-Length: " + std::to_string(body.size()) +
                                  "\r\n\r\n" + body);
  });
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.err,
            "carillon: Forbidden - No chat access (403)\n"
            "An admin grants access with `carillon permissions grant --user ID --chat ID`.\n");
}

TEST(Listen, ExplainsALostConnection) {
  const Ran ran = run_against(
      [](int socket) { FakeServer::write(socket, accepting(FakeServer::read_until(socket, "\r\n\r\n"))); });
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.err, "carillon listen: connection lost: the server closed the connection\n");
}

}  // namespace
}  // namespace carillon::cli
