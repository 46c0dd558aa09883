#include "cli/trace.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kId = "0199b0c2-0000-7000-8000-00000000002a";

struct Ran {
  int status;
  std::string out, err, target;
};

Ran run_against(HttpReply reply, bool json = false) {
  Ran ran;
  std::ostringstream out, err;
  Console console{out, err,
                  [&](const ClientOptions&, const HttpCall& call) -> std::expected<HttpReply, std::string> {
                    ran.target = call.target;
                    return reply;
                  }};
  TraceOptions options;
  options.client.json = json;
  options.message_id = kId;
  ran.status = trace(options, console);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

const std::string kFailed =
    "{\"messageId\":\"" + kId +
    R"(","state":"failed","stored":true,"delivered":2,"gone":1,"targetClass":"chat","targetId":"c",)"
    R"("messageType":"fifo","targetChannel":"WebSocket","sequenceNumber":4,"userId":"bob",)"
    R"("timestamp":"2026-01-01T00:00:00.000Z","correlationId":"order-17","deliveredTo":["cid","dan\u202e"],)"
    R"("queues":[{"queue":"WebSocketFifoQueue","state":"dead_letter","attempts":3,)"
    R"("deadLetterQueue":"WebSocketFifoDLQ","reason":"slow consumer","failed":[)"
    R"({"userId":"eve","connectionId":"conn-1","reason":"buffer full"},{"userId":"fay","reason":"gone"}]},)"
    R"({"queue":"MessageStorageQueue","state":"settled"}]})";

TEST(Trace, ADeadLetterWithItsWayBack) {
  const Ran ran = run_against({200, kFailed});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.target, "/messages/" + kId + "/trace");
  EXPECT_EQ(ran.out, "message              " + kId +
                         "\n"
                         "for                  chat:c, number 4, fifo on channel WebSocket\n"
                         "from                 bob at 2026-01-01T00:00:00.000Z\n"
                         "correlation          order-17\n"
                         "state                failed (given up for somebody: a dead letter)\n"
                         "stored               yes\n"
                         "delivered            2 deliveries, 1 connections went away meanwhile\n"
                         "got it               cid\n"
                         "                     dan\\u{202e}\n"
                         "WebSocketFifoQueue   dead letter in WebSocketFifoDLQ, attempts 3: slow consumer\n"
                         "  not to             eve on connection conn-1: buffer full\n"
                         "  not to             fay: gone\n"
                         "MessageStorageQueue  settled\n"
                         "next                 carillon queues redrive WebSocketFifoDLQ --message-id " +
                         kId + "\n");
}

TEST(Trace, WhatTheSenderSees) {
  const Ran ran =
      run_against({200, "{\"messageId\":\"" + kId +
                            R"(","state":"stored","stored":true,"delivered":0,"gone":0,"targetClass":"all",)"
                            R"("messageType":"standard","targetChannel":"WebSocket","userId":"bob",)"
                            R"("timestamp":"2026-01-01T00:00:00.000Z","queues":[]})"});
  EXPECT_THAT(ran.out, HasSubstr("for        all, standard on channel WebSocket\n"));
  EXPECT_THAT(ran.out,
              HasSubstr("state      stored (kept in the history; nobody was connected to get it)\n"));
  EXPECT_THAT(ran.out, HasSubstr("delivered  0 deliveries\n"));
  EXPECT_THAT(ran.out, Not(HasSubstr("got it")));
  EXPECT_THAT(ran.out, Not(HasSubstr("next")));
}

TEST(Trace, Json) {
  const Ran ran = run_against({200, kFailed}, true);
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.out, kFailed + "\n");
}

TEST(Trace, AnAbsentMessage) {
  const Ran ran = run_against({404, R"({"error":"Not found"})"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("Not found (404)"));
}

}  // namespace
}  // namespace carillon::cli
