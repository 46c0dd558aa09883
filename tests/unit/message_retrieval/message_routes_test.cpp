#include "message_retrieval/message_routes.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/message_retrieval/fake_history.hpp"

namespace carillon::message_retrieval {
namespace {

namespace errors = model::errors;
using model::Target;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kId = "0199b0c2-0000-7000-8000-00000000002a";

std::shared_ptr<model::Message> message(model::Position position) {
  auto made = std::make_shared<model::Message>();
  made->type = model::MessageType::fifo;
  made->target = Target::chat("c");
  made->group_id = "c";
  made->event_type = "chat";
  made->payload = R"({"chatId":"c","eventType":"chat","content":"Hi!"})";
  made->sender = model::UserId("bob");
  made->id = *model::MessageId::parse(kId);
  made->published_at = 1'767'225'600'000;
  made->position = position;
  made->sequence = position;
  return made;
}

struct MessageRoutes : testing::Test {
  FakeHistory history;
  std::vector<ports::Route> routes = message_routes(history);

  ports::HttpResponse get(const std::string& path, const std::string& query,
                          std::vector<std::string> given = {}, const char* user = "ann", bool admin = false) {
    model::Identity identity;
    identity.user = model::UserId(user);
    identity.is_admin = admin;
    ports::HttpRequest request;
    request.query = query;
    request.parameters = std::move(given);
    request.identity = std::make_shared<const model::Identity>(identity);
    std::vector<ports::HttpResponse> answers;
    for (const ports::Route& route : routes) {
      if (route.path != path) continue;
      EXPECT_EQ(route.method, "GET");
      EXPECT_EQ(route.access, ports::Access::token);
      route.handler(request, [&](ports::HttpResponse response) { answers.push_back(std::move(response)); });
    }
    EXPECT_EQ(answers.size(), 1u);
    EXPECT_THAT(answers.at(0).headers,
                testing::Contains(std::pair<std::string, std::string>("Cache-Control", "no-store")));
    return answers.at(0);
  }
  ports::HttpResponse list(const std::string& query, const char* user = "ann") {
    return get("/messages", query, {}, user);
  }
};

std::string token_in(const ports::HttpResponse& response) {
  const auto answer = boost::json::parse(response.body);
  const auto* token = answer.as_object().if_contains("nextToken");
  return token == nullptr ? "" : std::string(token->as_string());
}

TEST_F(MessageRoutes, APageOfMessages) {
  history.page_answer.messages = {message(2), message(1)};
  const auto response = list("chatId=c&limit=2&order=asc&toTimestamp=1970-01-01T00:00:00.005Z");
  EXPECT_EQ(response.status, 200);
  std::string first, second;
  model::append_event(first, *message(2), std::nullopt);
  model::append_event(second, *message(1), std::nullopt);
  EXPECT_EQ(response.body, "{\"messages\":[" + first + "," + second + "],\"count\":2}");
  EXPECT_THAT(response.body, Not(HasSubstr("processorTimestamp")));
  ASSERT_EQ(history.queries.size(), 1u);
  EXPECT_EQ(history.queries[0].target, Target::chat("c"));
  EXPECT_TRUE(history.queries[0].oldest_first);
  EXPECT_EQ(history.queries[0].to, 5);
  EXPECT_EQ(history.queries[0].from, std::nullopt);
  EXPECT_EQ(history.queries[0].limit, 2u);
  EXPECT_EQ(history.queries[0].after, 0u);
  EXPECT_THAT(history.calls, ElementsAre("ann: page"));
}

TEST_F(MessageRoutes, AnEmptyHistory) {
  EXPECT_EQ(list("targetClass=all").body, R"({"messages":[],"count":0})");
}

TEST_F(MessageRoutes, TheTokenGoesOnBehindTheLastMessage) {
  history.page_answer = {{message(9), message(7)}, true};
  const std::string token = token_in(list("chatId=c"));
  ASSERT_FALSE(token.empty());
  EXPECT_EQ(list("chatId=c&limit=1&startKey=" + token).status, 200);
  EXPECT_EQ(history.queries.back().after, 7u);
  EXPECT_EQ(list("targetClass=chat&targetId=c&nextToken=" + token).status, 200);
  EXPECT_EQ(history.queries.back().after, 7u);
}

TEST_F(MessageRoutes, ATokenOfAnotherQueryIsRefusedBeforeAnythingIsRead) {
  history.page_answer = {{message(9)}, true};
  const std::string token = token_in(list("chatId=c"));
  history.calls.clear();
  const std::string with = "&startKey=" + token;
  std::vector<ports::HttpResponse> answers{
      list("chatId=c" + with, "bob"),
      list("chatId=d" + with),
      list("targetClass=user&targetId=c" + with),
      list("chatId=c&order=asc" + with),
      list("chatId=c&fromTimestamp=2026-01-01T00:00:00Z" + with),
      list("chatId=c&toTimestamp=2026-01-01T00:00:00Z" + with),
      list("chatId=c&startKey=" + std::string(34, 'A')),
      list("chatId=c&startKey=0"),
  };
  history.secret = "secret-of-a-restored-store";
  answers.push_back(list("chatId=c" + with));
  for (const auto& each : answers) {
    EXPECT_EQ(each.status, 400);
    EXPECT_EQ(
        each.body,
        R"({"error":"Invalid parameter","details":"startKey is not one that this service gave for this )"
        R"(query"})");
  }
  EXPECT_THAT(history.calls, IsEmpty());
}

TEST_F(MessageRoutes, Sequences) {
  history.sequence_answer.messages = {message(3)};
  history.sequence_answer.missing = {
      {5, ports::Absence::expired}, {6, ports::Absence::pending}, {9, ports::Absence::not_issued}};
  std::string item;
  model::append_event(item, *message(3), std::nullopt);
  EXPECT_EQ(list("chatId=c&sequences=9,3,5-6").body,
            "{\"messages\":[" + item +
                R"(],"count":1,"missing":[{"sequenceNumber":5,"reason":"expired"},)"
                R"({"sequenceNumber":6,"reason":"pending"},{"sequenceNumber":9,"reason":"not_issued"}]})");
  EXPECT_EQ(history.asked_numbers, (std::vector<ports::NumberRange>{{3, 3}, {5, 6}, {9, 9}}));
  EXPECT_THAT(history.calls, ElementsAre("ann: sequences c"));
  history.sequence_answer = {};
  EXPECT_EQ(list("chatId=c&sequences=1").body, R"({"messages":[],"count":0,"missing":[]})");
}

TEST_F(MessageRoutes, OneMessage) {
  history.message_answer = message(4);
  std::string item;
  model::append_event(item, *message(4), std::nullopt);
  const auto response = get("/messages/{messageId}", "", {kId});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, item);
  EXPECT_THAT(history.calls, ElementsAre("ann: message " + kId));
}

TEST_F(MessageRoutes, WhatIsNoIdIsLikeAnAbsentMessage) {
  history.refusal.emplace(errors::kNotFound);
  for (const char* path :
       {"/messages/{messageId}", "/messages/{messageId}/status", "/messages/{messageId}/trace"}) {
    const auto absent = get(path, "", {kId});
    EXPECT_EQ(absent.status, 404);
    EXPECT_EQ(absent.body, R"({"error":"Not found"})");
    const auto calls = history.calls.size();
    for (const char* bad : {"", "x", "0199b0c2-0000-7000-8000-00000000002g", "..", "\xff"}) {
      const auto answer = get(path, "", {bad});
      EXPECT_EQ(answer.status, absent.status) << bad;
      EXPECT_EQ(answer.body, absent.body) << bad;
    }
    EXPECT_EQ(history.calls.size(), calls);
  }
}

TEST_F(MessageRoutes, RefusalsOfTheHistoryReachTheReader) {
  history.refusal = model::Error(errors::kNoChatAccess);
  EXPECT_EQ(list("chatId=c").status, 403);
  EXPECT_EQ(list("chatId=c").body, R"({"error":"Forbidden - No chat access"})");
  EXPECT_EQ(list("chatId=c&sequences=1").body, R"({"error":"Forbidden - No chat access"})");
  history.refusal = model::retry_later(errors::kOverloaded, 1500);
  const auto overloaded = list("chatId=c");
  EXPECT_EQ(overloaded.status, 503);
  EXPECT_THAT(overloaded.headers, testing::Contains(std::pair<std::string, std::string>("Retry-After", "2")));
}

TEST_F(MessageRoutes, BadRequestsAreRefusedBeforeAnythingIsRead) {
  EXPECT_EQ(list("").status, 400);
  EXPECT_EQ(list("chatId=c&limit=0").body,
            R"({"error":"Invalid parameter","details":"limit must be a number from 1 to 1000"})");
  EXPECT_THAT(history.calls, IsEmpty());
}

ports::MessageTrace failed_trace() {
  ports::MessageTrace trace;
  trace.message = message(4);
  trace.stored = true;
  trace.delivered = 2;
  trace.gone = 1;
  trace.delivered_to = {model::UserId("cid"), model::UserId("dan")};
  ports::QueueTrace letter;
  letter.queue = "WebSocketFifoQueue";
  letter.state = ports::QueueTrace::State::dead_letter;
  letter.dead_letter_queue = "WebSocketFifoDLQ";
  letter.attempts = 3;
  letter.reason = "slow\xff";
  letter.failed = {{model::UserId("eve"), model::ConnectionId("conn-1"), "buffer full"},
                   {model::UserId("eve"), model::ConnectionId("conn-2"), "buffer full"}};
  ports::QueueTrace storage;
  storage.queue = "MessageStorageQueue";
  trace.queues = {letter, storage};
  return trace;
}

TEST_F(MessageRoutes, Status) {
  history.trace_answer = failed_trace();
  EXPECT_EQ(get("/messages/{messageId}/status", "", {kId}).body,
            "{\"messageId\":\"" + kId +
                R"(","state":"failed","delivered":2,"failed":[{"userId":"eve","reason":"buffer full"}],)"
                R"("stored":true})");
  EXPECT_THAT(history.calls, ElementsAre("ann: trace " + kId));
}

TEST_F(MessageRoutes, StatusNamesAtMostAThousand) {
  history.trace_answer = failed_trace();
  auto& failed = history.trace_answer.queues[0].failed;
  failed.clear();
  for (int i = 0; i < 1500; ++i)
    failed.push_back({model::UserId("u" + std::to_string(i)), model::ConnectionId(), "slow"});
  for (const char* path : {"/messages/{messageId}/status", "/messages/{messageId}/trace"}) {
    const auto answer = boost::json::parse(get(path, "", {kId}).body);
    const auto& object = answer.as_object();
    const auto& list =
        object.contains("queues") ? object.at("queues").at(0).at("failed") : object.at("failed");
    EXPECT_EQ(list.as_array().size(), 1000u) << path;
  }
}

TEST_F(MessageRoutes, TraceForAnOperator) {
  history.trace_answer = failed_trace();
  EXPECT_EQ(
      get("/messages/{messageId}/trace", "", {kId}, "root", true).body,
      "{\"messageId\":\"" + kId +
          R"(","state":"failed","stored":true,"delivered":2,"gone":1,"targetClass":"chat","targetId":"c",)"
          R"("messageType":"fifo","targetChannel":"WebSocket","sequenceNumber":4,"userId":"bob",)"
          R"("timestamp":"2026-01-01T00:00:00.000Z","deliveredTo":["cid","dan"],"queues":[)"
          R"({"queue":"WebSocketFifoQueue","state":"dead_letter","attempts":3,)"
          R"("deadLetterQueue":"WebSocketFifoDLQ","reason":"slow\\xff","failed":[)"
          R"({"userId":"eve","connectionId":"conn-1","reason":"buffer full"},)"
          R"({"userId":"eve","connectionId":"conn-2","reason":"buffer full"}]},)"
          R"({"queue":"MessageStorageQueue","state":"settled"}]})");
}

TEST_F(MessageRoutes, TraceForTheSenderNamesNoReadersAndNoConnections) {
  history.trace_answer = failed_trace();
  const std::string body = get("/messages/{messageId}/trace", "", {kId}, "bob").body;
  EXPECT_THAT(body, Not(HasSubstr("deliveredTo")));
  EXPECT_THAT(body, Not(HasSubstr("conn-")));
  EXPECT_THAT(body, Not(HasSubstr("Hi!")));
  EXPECT_THAT(body, HasSubstr(R"("delivered":2,"gone":1)"));
  EXPECT_THAT(body, HasSubstr(R"("failed":[{"userId":"eve","reason":"buffer full"})"));
}

TEST_F(MessageRoutes, TraceOfAMessageToAll) {
  auto all = message(4);
  all->target = Target::all();
  all->type = model::MessageType::standard;
  all->sequence.reset();
  all->correlation_id = "order-17";
  history.trace_answer.message = all;
  EXPECT_EQ(get("/messages/{messageId}/trace", "", {kId}, "bob").body,
            "{\"messageId\":\"" + kId +
                R"(","state":"published","stored":false,"delivered":0,"gone":0,"targetClass":"all",)"
                R"("messageType":"standard","targetChannel":"WebSocket","userId":"bob",)"
                R"("timestamp":"2026-01-01T00:00:00.000Z","correlationId":"order-17","queues":[]})");
}

}  // namespace
}  // namespace carillon::message_retrieval
