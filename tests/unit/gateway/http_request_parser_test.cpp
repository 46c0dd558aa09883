#include "gateway/http_request_parser.hpp"

#include <gtest/gtest.h>

namespace carillon::gateway {
namespace {

using State = HttpRequestParser::State;

/// Feeds `pieces` as a connection would: what the parser is not done with comes again.
std::vector<std::string> parse(const std::vector<std::string>& pieces, const HttpLimits& limits = {}) {
  HttpRequestParser parser(limits);
  std::vector<std::string> seen;
  std::string unread;
  for (const std::string& piece : pieces) {
    unread += piece;
    for (;;) {
      const State before = parser.state();
      const std::size_t used = parser.feed(unread);
      unread.erase(0, used);
      if (parser.state() == State::failed) {
        seen.push_back("failed " + std::to_string(parser.error().status()));
        return seen;
      }
      if (before == State::head && parser.state() != State::head) parser.limit_body(1000);
      if (parser.state() == State::complete) {
        const ports::HttpRequest& request = parser.request();
        seen.push_back(request.method + " " + request.path + "?" + request.query + " " +
                       std::to_string(request.headers.size()) + " [" + request.body + "]");
        parser.reset();
      } else if (used == 0 && parser.state() == before) {
        break;
      }
      if (unread.empty()) break;
    }
  }
  return seen;
}

TEST(HttpRequestParser, EverySplitPointGivesTheSame) {
  const std::string stream =
      "\r\nPOST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n"
      "GET /last HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
  const std::vector<std::string> expected{"POST /a?b=c 2 [hello]", "GET /? 1 []",
                                          "POST /c? 2 [abc0123456789]", "GET /last? 2 []"};
  ASSERT_EQ(parse({stream}), expected);
  for (std::size_t at = 0; at <= stream.size(); ++at)
    EXPECT_EQ(parse({stream.substr(0, at), stream.substr(at)}), expected) << at;
  std::vector<std::string> bytes;
  for (const char byte : stream) bytes.emplace_back(1, byte);
  EXPECT_EQ(parse(bytes), expected);
}

TEST(HttpRequestParser, BodiesCountAgainstTheBudget) {
  MemoryBudget budget(100);
  const HttpLimits limits{.budget = &budget};
  EXPECT_EQ(
      parse({"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'x')}, limits),
      std::vector<std::string>{"failed 503"});
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_EQ(parse({"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n" + std::string(5, 'x')}, limits)
                .size(),
            0u);
  EXPECT_EQ(budget.used(), 0u) << "given back with the parser";
}

TEST(HttpRequestParser, TooManyFields) {
  std::string request = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 300; ++i) request += "A: b\r\n";
  EXPECT_EQ(parse({request + "\r\n"}), std::vector<std::string>{"failed 431"});
}

TEST(HttpRequestParser, TheBodyLimitCountsStreamedBytes) {
  EXPECT_EQ(parse({"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n" +
                   std::string(1001, 'x')}),
            std::vector<std::string>{"failed 413"});
}

TEST(HttpRequestParser, WhatAnUpgradeSays) {
  HttpLimits limits;
  const auto wants = [&](const std::string& lines) {
    HttpRequestParser parser(limits);
    parser.feed("GET / HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n");
    EXPECT_EQ(parser.state(), State::complete);
    return std::pair(parser.wants_websocket(), parser.mentions_websocket());
  };
  EXPECT_EQ(wants("Connection: keep-alive, UPGRADE\r\nUpgrade: h2c, WebSocket\r\n"), std::pair(true, true));
  EXPECT_EQ(wants("Upgrade: websocket\r\n"), std::pair(false, true));
  EXPECT_EQ(wants("Connection: Upgrade\r\nUpgrade: h2c\r\n"), std::pair(false, false));
}

}  // namespace
}  // namespace carillon::gateway
