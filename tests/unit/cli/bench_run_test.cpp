#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/bench/bench.hpp"
#include "cli/bench/driver.hpp"
#include "cli/bench/histogram.hpp"
#include "cli/bench/http_answer.hpp"
#include "cli/bench/ledger.hpp"
#include "cli/bench/marker.hpp"
#include "cli/bench/process_stats.hpp"
#include "cli/bench/report.hpp"
#include "cli/bench/socket.hpp"
#include "model/websocket_frame.hpp"

namespace carillon::cli::bench {
namespace {

using ::testing::HasSubstr;

TEST(Run, RefusesImpossibleOptions) {
  EXPECT_EQ(run({.size = 4}), 2);
  EXPECT_EQ(run({.batch = 101}), 2);
  EXPECT_EQ(run({.message_type = "loud"}), 2);
  EXPECT_EQ(run({.workload = Workload::publish, .protocol = Protocol::bare}), 2);
}

TEST(Run, DrivesTheBareLoop) {
  for (const auto writes : {BareWrites::each, BareWrites::turn}) {
    for (const auto workload : {Workload::fanout, Workload::one_to_one}) {
      EXPECT_EQ(run({.workload = workload,
                     .protocol = Protocol::bare,
                     .connections = 20,
                     .messages = 200,
                     .bare_writes = writes,
                     .json = true}),
                0);
    }
  }
  EXPECT_EQ(run({.workload = Workload::fanout,
                 .protocol = Protocol::bare,
                 .connections = 5,
                 .messages = 50,
                 .rate = 5000}),
            0);
}

/// Binds to a free port and says which.
int bind_to_loopback(const Descriptor& fd) {
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(fd.get(), generic, size), 0);
  EXPECT_EQ(getsockname(fd.get(), generic, &size), 0);
  return ntohs(address.sin_port);
}

/// Takes one WebSocket subscriber and then one publisher, whose POSTs it answers and passes on, with the
/// mistakes that `passes_on` says: for each publish, which of those so far are sent to the subscriber.
class FaultyServer {
 public:
  explicit FaultyServer(std::vector<std::vector<std::size_t>> passes_on) : passes_on_(std::move(passes_on)) {
    port_ = bind_to_loopback(listener_);
    EXPECT_EQ(listen(listener_.get(), 4), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~FaultyServer() { thread_.join(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void serve() {
    const Descriptor subscriber(accept(listener_.get(), nullptr, nullptr));
    read_some(subscriber);
    write_all(subscriber, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
    const Descriptor publisher(accept(listener_.get(), nullptr, nullptr));
    input_.clear();
    std::vector<std::string> contents;
    for (const auto& now : passes_on_) {
      contents.push_back(next_content(publisher));
      write_all(publisher, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      std::string frames;
      for (const auto which : now) model::append_frame(frames, model::Opcode::text, contents[which]);
      write_all(subscriber, frames);
    }
    while (read_some(publisher)) {
    }
  }
  std::string next_content(const Descriptor& from) {
    constexpr std::size_t kContent = 128;
    auto at = input_.find("~cb");
    while (at == std::string::npos || input_.size() < at + kContent) {
      if (!read_some(from)) return {};
      at = input_.find("~cb");
    }
    auto content = input_.substr(at, kContent);
    input_.erase(0, at + kContent);
    return content;
  }
  bool read_some(const Descriptor& from) {
    char bytes[4096];
    const auto count = read(from.get(), bytes, sizeof bytes);
    if (count > 0) input_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }
  static void write_all(const Descriptor& to, std::string_view bytes) {
    EXPECT_EQ(send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  std::vector<std::vector<std::size_t>> passes_on_;
  Descriptor listener_{socket(AF_INET, SOCK_STREAM, 0)};
  int port_ = 0;
  std::string input_;
  std::thread thread_;
};

TEST(Run, CountsTheMistakesOfAServer) {
  // Number 1 never arrives, 3 twice, and 4 after 5.
  FaultyServer server({{0}, {}, {2}, {3, 3}, {}, {5, 4}});
  testing::internal::CaptureStdout();
  const int status = run({.workload = Workload::fanout,
                          .protocol = Protocol::nchan,
                          .url = server.url(),
                          .connections = 1,
                          .messages = 6,
                          .in_flight = 6,
                          .warmup = 0,
                          .stall = std::chrono::seconds(1),
                          .json = true});
  const auto output = testing::internal::GetCapturedStdout();
  EXPECT_EQ(status, 1);
  for (const auto* part : {R"("lost":1,)", R"("duplicated":1,)", R"("reordered":1,)", R"("delivered":5,)",
                           R"("unanswered":0,)", R"("failure":"nothing came any more")"}) {
    EXPECT_THAT(output, HasSubstr(part));
  }
}

TEST(Run, AServerThatIsNotThereIsAFailure) {
  const Descriptor bound(socket(AF_INET, SOCK_STREAM, 0));
  const auto url = "http://127.0.0.1:" + std::to_string(bind_to_loopback(bound));
  EXPECT_EQ(run({.url = url, .connections = 2, .messages = 2}), 1) << "nobody listens there";
}

}  // namespace
}  // namespace carillon::cli::bench
