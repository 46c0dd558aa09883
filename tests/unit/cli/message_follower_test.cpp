#include "cli/message_follower.hpp"

#include <atomic>
#include <csignal>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include "unit/cli/scripted_server.hpp"

namespace carillon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Script = std::function<void(int)>;

constexpr base::EpochMs kStart = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

std::string item(int number, const std::string& chat = "c", const std::string& type = "fifo") {
  const std::string n = std::to_string(number);
  return R"({"type":"message","messageId":"m)" + n + R"(","targetClass":"chat","targetId":")" + chat +
         R"(","messageType":")" + type + R"(","publishTimestamp":)" + std::to_string(kStart + number * 1000) +
         "}";
}

HttpReply page(const std::string& items, const std::string& rest = "") {
  return {200, "{\"messages\":[" + items + "],\"count\":0" + rest + "}"};
}

/// A connection that is accepted and greeted, and then whatever `then` does.
Script greeted(Script then, const std::string& epoch = "e1", const std::string& user = "ann") {
  return [=](int socket) {
    const std::string request = FakeServer::read_until(socket, "\r\n\r\n");
    FakeServer::write(socket, accepting(request) + text_frame(R"({"type":"connected","userId":")" + user +
                                                              R"(","storeEpoch":")" + epoch + "\"}"));
    then(socket);
  };
}

Script sending(std::string bytes) {
  return [bytes = std::move(bytes)](int socket) { FakeServer::write(socket, bytes); };
}

/// One follower against a server that serves one connection after another.
struct Followed {
  MessagesOptions options;
  std::vector<std::expected<HttpReply, std::string>> replies;
  std::vector<std::string> targets;
  std::ostringstream out, err;
  std::atomic<std::size_t> answered = 0;
  const pthread_t follower = pthread_self();

  explicit Followed(std::vector<std::expected<HttpReply, std::string>> answers)
      : replies(std::move(answers)) {
    options.chat = "c";
    options.limit = 2;
    options.client.json = true;
  }
  int run(std::vector<Script> connections) {
    FakeServer server(std::move(connections));
    options.client.url = server.url();
    Console console{
        out, err,
        [this](const ClientOptions&, const HttpCall& call) -> std::expected<HttpReply, std::string> {
          targets.push_back(call.target);
          if (targets.size() > replies.size()) return std::unexpected("nothing left to answer");
          answered = targets.size();
          answered.notify_all();
          return replies[targets.size() - 1];
        }};
    MessagePrinter printer(out, {.json = true});
    return MessageFollower(options, console, printer, std::chrono::milliseconds(1)).run();
  }
  /// Interrupts the follower, as ^C does, once it has all answers, and sees it close.
  Script interrupting() {
    return [this](int socket) {
      for (std::size_t seen = answered; seen < replies.size(); seen = answered) answered.wait(seen);
      pthread_kill(follower, SIGINT);
      FakeServer::read_bytes(socket, 8);
      FakeServer::write(socket, frame(model::Opcode::close, "\x03\xe8"));
    };
  }
  std::string printed() const {
    std::string ids, line;
    for (std::istringstream lines(out.str()); std::getline(lines, line);) {
      const auto at = line.find("Id\":\"m") + 5;
      ids += line.substr(at, line.find('"', at) - at) + ' ';
    }
    return ids;
  }
};

TEST(MessageFollower, HistoryThenFramesEachOnce) {
  Followed run({page(item(2) + "," + item(1))});
  const std::string frames =
      text_frame(item(2)) + text_frame(item(3)) + text_frame(item(3)) + text_frame(item(4, "another")) +
      text_frame(item(5, "c", "ephemeral")) + text_frame(R"({"type":"news"})") + text_frame("no json") +
      text_frame(item(6)) +
      text_frame(R"({"type":"unsubscribed","chatId":"c","reason":"permission revoked"})");
  EXPECT_EQ(run.run({greeted(sending(frames))}), 1);
  EXPECT_EQ(run.printed(), "m1 m2 m3 m6 ");
  EXPECT_EQ(run.err.str(), "carillon messages: no access any more: permission revoked\n");
  EXPECT_THAT(run.targets, ElementsAre("/messages?chatId=c&limit=2"));
}

TEST(MessageFollower, EndsWithZeroOnInterrupt) {
  Followed run({page(item(1))});
  EXPECT_EQ(run.run({greeted(run.interrupting())}), 0) << run.err.str();
  EXPECT_EQ(run.printed(), "m1 ");
  EXPECT_EQ(run.err.str(), "");
}

TEST(MessageFollower, ReadsWhatItMissedAfterALostConnection) {
  Followed run({page(item(20) + "," + item(19)), page(item(20) + "," + item(21), R"(,"nextToken":"t")"),
                page(item(22) + "," + item(30)), page("")});
  EXPECT_EQ(run.run({greeted(sending(text_frame(item(21)))), greeted(sending(text_frame(item(30)))),
                     greeted(run.interrupting())}),
            0)
      << run.err.str();
  EXPECT_EQ(run.printed(), "m19 m20 m21 m22 m30 ");
  EXPECT_THAT(run.err.str(),
              HasSubstr("connection lost: the server closed the connection; connecting again"));
  // From ten seconds before the newest it has on, but not from before what it began with.
  EXPECT_THAT(
      run.targets,
      ElementsAre("/messages?chatId=c&limit=2",
                  "/messages?chatId=c&order=asc&limit=1000&fromTimestamp=2026-01-01T00%3A00%3A20.000Z",
                  "/messages?chatId=c&order=asc&limit=1000&fromTimestamp=2026-01-01T00%3A00%3A20.000Z"
                  "&startKey=t",
                  "/messages?chatId=c&order=asc&limit=1000&fromTimestamp=2026-01-01T00%3A00%3A20.000Z"));
}

TEST(MessageFollower, AnEmptyHistoryIsReadWholeAfterALostConnection) {
  Followed run({page(""), page(item(1))});
  EXPECT_EQ(run.run({greeted(sending("")), greeted(run.interrupting())}), 0) << run.err.str();
  EXPECT_EQ(run.printed(), "m1 ");
  EXPECT_THAT(run.targets.back(), "/messages?chatId=c&order=asc&limit=1000");
}

TEST(MessageFollower, TriesAgainWhenTheHistoryFailsMeanwhile) {
  Followed run({page(item(1)), std::unexpected("timed out"),
                HttpReply{503, R"({"error":"Service overloaded"})"}, page(item(1) + "," + item(2))});
  const Script silent = greeted(sending(""));
  EXPECT_EQ(run.run({silent, silent, silent, greeted(run.interrupting())}), 0) << run.err.str();
  EXPECT_EQ(run.printed(), "m1 m2 ");
}

TEST(MessageFollower, AnotherStoreStartsOver) {
  Followed run({page(item(9)), page(item(1))});
  EXPECT_EQ(run.run({greeted(sending("")), greeted(run.interrupting(), "e2")}), 0) << run.err.str();
  EXPECT_EQ(run.printed(), "m9 m1 ");
  EXPECT_THAT(run.targets.back(), "/messages?chatId=c&limit=2");
  EXPECT_THAT(run.err.str(), HasSubstr("the server has another store now"));
}

TEST(MessageFollower, WaitsAsLongAsItIsTold) {
  Followed run({page(item(1)), page(item(1))});
  const std::string goodbye =
      text_frame(R"({"type":"reconnect","afterMs":7})") + frame(model::Opcode::close, "\x03\xe9");
  EXPECT_EQ(run.run({greeted(sending(goodbye)), greeted(run.interrupting())}), 0);
  EXPECT_EQ(
      run.err.str(),
      "carillon messages: connection lost: closed by the server, code 1001; connecting again in 7 ms\n");
}

TEST(MessageFollower, GivesUpWhereGoingOnMakesNoSense) {
  Followed expired({page(item(1))});
  EXPECT_EQ(expired.run({greeted(sending(frame(model::Opcode::close, "\x11\x31token expired\x1b")))}), 1);
  EXPECT_EQ(expired.err.str(),
            "carillon messages: closed by the server, code 4401: token expired\\u{001b}\n"
            "The token has expired: take a new one.\n");
  Followed revoked({page(item(1)), HttpReply{403, R"({"error":"Forbidden - No chat access"})"}});
  EXPECT_EQ(revoked.run({greeted(sending("")), greeted(sending(""))}), 1);
  EXPECT_THAT(revoked.err.str(), HasSubstr("Forbidden - No chat access"));
}

TEST(MessageFollower, TheFirstConnectionMustSucceed) {
  const auto refusing = [](const std::string& status, const std::string& body) {
    return [=](int socket) {
      FakeServer::read_until(socket, "\r\n\r\n");
      FakeServer::write(socket, "HTTP/1.1 " + status + " X\r\nContent-Length: " +
                                    std::to_string(body.size()) + "\r\n\r\n" + body);
    };
  };
  for (const char* status : {"403", "503"}) {
    Followed refused({});
    EXPECT_EQ(refused.run({refusing(status, R"({"error":"No"})")}), 1);
    EXPECT_EQ(refused.err.str(), "{\"error\":\"No\"}\n");
    EXPECT_TRUE(refused.targets.empty());
  }
  Followed lost({});
  EXPECT_EQ(lost.run({[](int) {}}), 1);
  EXPECT_THAT(lost.err.str(), HasSubstr("no answer from"));
  Followed other({});
  EXPECT_EQ(other.run({greeted(sending(text_frame("{}")))}), 1);
}

TEST(MessageFollower, OnlyOnesOwnInbox) {
  Followed run({page("")});
  run.options.target = "user:bob";
  EXPECT_EQ(run.run({greeted(sending(""))}), 1);
  EXPECT_EQ(run.err.str(),
            "carillon messages: only one's own inbox can be followed, and the token is ann's\n");
  EXPECT_TRUE(run.targets.empty());
}

TEST(RecentMessages, RemembersTheSpan) {
  RecentMessages recent;
  EXPECT_EQ(recent.newest(), std::nullopt);
  for (int i = 0; i < 30'000; ++i) EXPECT_TRUE(recent.add(std::to_string(i), i));
  EXPECT_EQ(recent.newest(), 29'999);
  for (int i = 29'999 - RecentMessages::kSpanMs; i < 30'000; ++i)
    ASSERT_FALSE(recent.add(std::to_string(i), i)) << i;
  EXPECT_TRUE(recent.add("0", 0));
}

}  // namespace
}  // namespace carillon::cli
