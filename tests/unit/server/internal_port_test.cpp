#include "server/internal_port.hpp"

#include <array>
#include <stdexcept>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/health_routes.hpp"

namespace carillon::server {
namespace {

class InternalPortTest : public ::testing::Test {
 protected:
  InternalPortTest() { settings_.internal_listen = "127.0.0.1:0"; }

  void start() { port_ = std::make_unique<InternalPort>(settings_, routes()); }
  static std::vector<ports::Route> routes() {
    auto all = health_routes([] { return std::vector<std::string>{"draining"}; });
    all.push_back({"GET", "/metrics", ports::Access::open, [](auto, ports::HttpResponder respond) {
                     ports::HttpResponse text;
                     text.content_type = "text/plain";
                     text.body = "figures\n";
                     respond(std::move(text));
                   }});
    return all;
  }
  /// The whole answer to one request, or empty.
  std::string ask(const std::string& line, const std::string& headers = "Host: localhost\r\n") const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{20, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string answer;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      const std::string request = line + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n";
      ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
      std::array<char, 4096> buffer{};
      for (ssize_t size; (size = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;)
        answer.append(buffer.data(), static_cast<std::size_t>(size));
    }
    ::close(fd);
    return answer;
  }
  int status(const std::string& line, const std::string& headers = "Host: localhost\r\n") const {
    const std::string answer = ask(line, headers);
    return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
  }

  Settings settings_;
  std::unique_ptr<InternalPort> port_;
};

TEST_F(InternalPortTest, AnswersFiguresAndHealthWithoutATokenAndNothingElse) {
  start();
  EXPECT_NE(port_->port(), 0);
  EXPECT_TRUE(ask("GET /metrics").ends_with("\r\n\r\nfigures\n"));
  EXPECT_EQ(status("GET /health"), 200);
  EXPECT_EQ(status("GET /ready"), 503);
  for (const char* line : {"GET /", "GET /ws", "GET /queues", "GET /connections", "POST /publish",
                           "GET /dashboard/", "GET /echo"})
    EXPECT_EQ(status(line), 404) << line;
  EXPECT_EQ(status("POST /metrics"), 405);
  EXPECT_EQ(status("GET /",
                   "Host: localhost\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
            404);
  EXPECT_EQ(status("GET /metrics", "Host: localhost\r\nContent-Length: 2000\r\n"), 413);
}

TEST_F(InternalPortTest, UnderDevOnlyLoopbackHostsCount) {
  settings_.gateway.dev = true;
  start();
  EXPECT_EQ(status("GET /metrics"), 200);
  EXPECT_EQ(status("GET /metrics", "Host: evil.example\r\n"), 403);
}

TEST_F(InternalPortTest, RoutesThatAskForTokensAreAMistake) {
  auto all = routes();
  all.back().access = ports::Access::token;
  EXPECT_THROW(InternalPort(settings_, std::move(all)), std::runtime_error);
}

TEST_F(InternalPortTest, AnAddressInUseIsNamed) {
  start();
  settings_.internal_listen = "127.0.0.1:" + std::to_string(port_->port());
  try {
    InternalPort second(settings_, routes());
    FAIL() << "it listens twice";
  } catch (const std::runtime_error& problem) {
    EXPECT_NE(std::string(problem.what()).find(settings_.internal_listen), std::string::npos)
        << problem.what();
  }
}

TEST_F(InternalPortTest, AfterStopNobodyAnswers) {
  start();
  EXPECT_EQ(status("GET /health"), 200);
  port_->stop();
  EXPECT_EQ(status("GET /health"), 0);
}

}  // namespace
}  // namespace carillon::server
