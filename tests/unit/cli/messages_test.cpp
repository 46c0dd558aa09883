#include "cli/messages.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/message_printer.hpp"

namespace carillon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string item(int number, const std::string& content = "\"Hi\"", const std::string& more = "") {
  const std::string n = std::to_string(number);
  return R"({"type":"message","messageId":"m)" + n + R"(","sequenceNumber":)" + n + more +
         R"(,"eventType":"chat","payload":{"content":)" + content +
         R"(},"userId":"ann","timestamp":"2026-01-01T00:00:00.00)" + n + R"(Z","publishTimestamp":)" + n +
         "}";
}

HttpReply page(const std::string& items, const std::string& rest = "") {
  return {200, "{\"messages\":[" + items + "],\"count\":0" + rest + "}"};
}

/// The command run against answers given in advance.
struct Rehearsal {
  MessagesOptions options;
  std::vector<HttpReply> replies;
  std::vector<std::string> targets;
  std::ostringstream out, err;

  explicit Rehearsal(std::vector<HttpReply> answers) : replies(std::move(answers)) { options.chat = "c"; }
  int run() {
    Console console{
        out, err,
        [this](const ClientOptions&, const HttpCall& call) -> std::expected<HttpReply, std::string> {
          targets.push_back(call.target);
          if (targets.size() > replies.size()) return std::unexpected("connection refused");
          return replies[targets.size() - 1];
        }};
    return messages(options, console);
  }
};

TEST(Messages, TheNewestAreAtTheBottom) {
  Rehearsal run({page(item(2) + "," + item(1, R"({"a":"\u001b"})"))});
  EXPECT_EQ(run.run(), 0) << run.err.str();
  EXPECT_EQ(run.out.str(),
            "TIME                      SEQ  SENDER  TYPE  CONTENT\n"
            "2026-01-01T00:00:00.001Z  1    ann     chat  {\"a\":\"\\u001b\"}\n"
            "2026-01-01T00:00:00.002Z  2    ann     chat  Hi\n");
  EXPECT_THAT(run.targets, ElementsAre("/messages?chatId=c&limit=50"));
}

TEST(Messages, ReadsPagesUntilThereAreEnough) {
  Rehearsal run(
      {page(item(5) + "," + item(4), R"(,"nextToken":"t1")"), page(item(3), R"(,"nextToken":"t2")")});
  run.options.limit = 3;
  run.options.client.json = true;
  EXPECT_EQ(run.run(), 0) << run.err.str();
  EXPECT_EQ(run.out.str(), item(3) + "\n" + item(4) + "\n" + item(5) + "\n");
  EXPECT_THAT(run.targets,
              ElementsAre("/messages?chatId=c&limit=3", "/messages?chatId=c&limit=1&startKey=t1"));
}

TEST(Messages, FromTheOldestOn) {
  Rehearsal run({page(item(1), R"(,"nextToken":"t")"), page(item(2), R"(,"nextToken":"u")")});
  run.options.limit = 2;
  run.options.oldest_first = true;
  run.options.from = "2026-01-01T00:00:00+01:00";
  run.options.client.json = true;
  EXPECT_EQ(run.run(), 0) << run.err.str();
  EXPECT_EQ(run.out.str(), item(1) + "\n" + item(2) + "\n");
  EXPECT_THAT(
      run.targets,
      ElementsAre("/messages?chatId=c&limit=2&order=asc&fromTimestamp=2026-01-01T00%3A00%3A00%2B01%3A00",
                  "/messages?chatId=c&limit=1&order=asc&fromTimestamp=2026-01-01T00%3A00%3A00%2B01%3A00"
                  "&startKey=t"));
}

TEST(Messages, AllPages) {
  Rehearsal run({page(item(1), R"(,"nextToken":"t")"), page(item(2), R"(,"nextToken":"u")"), page(item(3))});
  run.options.all = true;
  run.options.target = "org:o:1";
  run.options.client.json = true;
  EXPECT_EQ(run.run(), 0) << run.err.str();
  EXPECT_EQ(run.out.str(), item(1) + "\n" + item(2) + "\n" + item(3) + "\n");
  EXPECT_EQ(run.targets.at(0), "/messages?targetClass=org&targetId=o%3A1&limit=1000&order=asc");
  EXPECT_EQ(run.targets.at(2), "/messages?targetClass=org&targetId=o%3A1&limit=1000&order=asc&startKey=u");
}

TEST(Messages, MissingNumbersStandInTheirPlace) {
  const std::string own4 = item(4, "\"own\"", R"(,"sequenceSource":"client")");
  const std::string own9 = item(9, "\"own\"", R"(,"sequenceSource":"client")");
  const HttpReply reply = page(item(3) + "," + own4 + "," + item(6) + "," + own9,
                               R"(,"missing":[{"sequenceNumber":1,"reason":"expired"},)"
                               R"({"sequenceNumber":5,"reason":"pending"},)"
                               R"({"sequenceNumber":9,"reason":"pending"},)"
                               R"({"sequenceNumber":10,"reason":"not_issued"}])");
  Rehearsal table({reply});
  table.options.sequences = "1,3-6,9-10";
  EXPECT_EQ(table.run(), 0) << table.err.str();
  EXPECT_EQ(table.out.str(),
            "TIME                      SEQ  SENDER  TYPE  CONTENT\n"
            "-                         1    -       -     missing: expired\n"
            "2026-01-01T00:00:00.003Z  3    ann     chat  Hi\n"
            "2026-01-01T00:00:00.004Z  (4)  ann     chat  own\n"
            "-                         5    -       -     missing: pending\n"
            "2026-01-01T00:00:00.006Z  6    ann     chat  Hi\n"
            "-                         9    -       -     missing: pending\n"
            "2026-01-01T00:00:00.009Z  (9)  ann     chat  own\n"
            "-                         10   -       -     missing: not_issued\n");
  EXPECT_THAT(table.targets, ElementsAre("/messages?chatId=c&sequences=1%2C3-6%2C9-10"));
  Rehearsal json({reply});
  json.options.sequences = "1,3-6,9-10";
  json.options.client.json = true;
  EXPECT_EQ(json.run(), 0);
  const auto missing = [](const char* number, const char* reason) {
    return std::string("{\"sequenceNumber\":") + number + ",\"reason\":\"" + reason + "\"}\n";
  };
  EXPECT_EQ(json.out.str(), missing("1", "expired") + item(3) + "\n" + own4 + "\n" + missing("5", "pending") +
                                item(6) + "\n" + missing("9", "pending") + own9 + "\n" +
                                missing("10", "not_issued"));
}

TEST(Messages, JsonIsWhatTheSenderWrote) {
  const std::string content = R"({ "n":1.0, "big":123456789012345678901234567890, "deep":)" +
                              std::string(60, '[') + std::string(60, ']') + "}";
  Rehearsal run({page(item(1, content) + "," + item(2, "\"\u202e\""))});
  run.options.oldest_first = run.options.client.json = true;
  EXPECT_EQ(run.run(), 0) << run.err.str();
  EXPECT_EQ(run.out.str(), item(1, content) + "\n" + item(2, R"("\u202e")") + "\n");
}

TEST(Messages, NothingThere) {
  Rehearsal run({page(""), page("")});
  run.options.target = "all";
  EXPECT_EQ(run.run(), 0);
  EXPECT_EQ(run.out.str(), "no messages\n");
  EXPECT_THAT(run.targets, ElementsAre("/messages?targetClass=all&limit=50"));
}

TEST(Messages, RefusalsAreExplained) {
  Rehearsal run({{403, R"({"error":"Forbidden - No chat access"})"}});
  EXPECT_EQ(run.run(), 1);
  EXPECT_THAT(run.err.str(), HasSubstr("Forbidden - No chat access (403)"));
  Rehearsal nobody({});
  EXPECT_EQ(nobody.run(), 1);
  EXPECT_THAT(nobody.err.str(), HasSubstr("Is the server running?"));
  for (const char* body : {"hello", "{}", "[]", R"({"count":0,"messages":[]})", R"({"messages":{}})"}) {
    Rehearsal other({{200, body}});
    EXPECT_EQ(other.run(), 1) << body;
    EXPECT_THAT(other.err.str(), HasSubstr("is http://127.0.0.1:8080 a Carillon server?")) << body;
  }
}

TEST(MessagePrinter, CutsToTheTerminal) {
  std::ostringstream out;
  MessagePrinter printer(out, {.columns = 60});
  HistoryItem one{.number = 1, .time = "2026-01-01T00:00:00.001Z", .sender = "ann", .type = "chat"};
  one.content = "0123456789abcdef";
  printer.print({one});
  one.sender = "a-long-sender";
  one.content = "日本語日本語日本語";
  printer.print({one});
  EXPECT_EQ(out.str(),
            "TIME                      SEQ  SENDER  TYPE  CONTENT\n"
            "2026-01-01T00:00:00.001Z  1    ann     chat  0123456789abcd…\n"
            "2026-01-01T00:00:00.001Z  1    a-long-sender  chat  日本語日…\n");
}

TEST(MessagePrinter, WidthsAndCuts) {
  EXPECT_EQ(display_width("aé日🔔"), 6u);
  EXPECT_EQ(cut_to("abc", 3), "abc");
  EXPECT_EQ(cut_to("abcd", 3), "ab…");
  EXPECT_EQ(cut_to("日本", 4), "日本");
  EXPECT_EQ(cut_to("日本", 3), "日…");
  EXPECT_EQ(cut_to("日本", 2), "…");
}

}  // namespace
}  // namespace carillon::cli
