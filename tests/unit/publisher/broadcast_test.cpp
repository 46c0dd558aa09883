#include "publisher/broadcast.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::publisher {
namespace {

namespace errors = model::errors;
using ::testing::HasSubstr;

constexpr base::EpochMs kNow = 1'800'000'000'123;  // 2027-01-15T08:00:00.123Z

model::Result<ports::Publication> broadcast(const std::string& body) {
  auto ann = std::make_shared<model::Identity>();
  ann->user = model::UserId("ann");
  const model::IdentityPtr identity = ann;
  const auto document = model::JsonDocument::parse(body);
  EXPECT_TRUE(document) << body;
  return make_broadcast(*document, body, Origin{identity, {}, "key"}, kNow);
}

void expect_refused(const std::string& body, std::string_view named) {
  const auto refused = broadcast(body);
  ASSERT_FALSE(refused) << body;
  EXPECT_TRUE(refused.error().is(errors::kInvalidParameter)) << body;
  EXPECT_THAT(refused.error().details(), HasSubstr(named)) << body;
}

TEST(Broadcast, IsAStandardMessageToAll) {
  const auto made = broadcast(R"({"type":"comment.created","data":{"a":1},"timestamp":"then"})");
  ASSERT_TRUE(made) << made.error().details();
  EXPECT_TRUE(made->broadcast);
  EXPECT_EQ(made->type, model::MessageType::standard);
  EXPECT_EQ(made->target, model::Target::all());
  EXPECT_EQ(made->channel, model::kWebSocketChannel);
  EXPECT_EQ(made->event_type, "comment.created");
  EXPECT_EQ(made->sender, model::UserId("ann"));
  EXPECT_EQ(made->deduplication_id, "key");
  EXPECT_FALSE(made->exclude_sender);
}

TEST(Broadcast, KeepsTheBytesAndAddsATimestampOnlyWhereThereIsNone) {
  EXPECT_EQ(
      broadcast(
          "  {\"data\" : [1.0,\"\\u0041\"],\t\"type\":\"t\", \"timestamp\": \"then\", \"more\":{} }\r\n")
          ->payload,
      "{\"data\" : [1.0,\"\\u0041\"],\t\"type\":\"t\", \"timestamp\": \"then\", \"more\":{} }");
  EXPECT_EQ(broadcast(R"({"type":"t","data":null} )")->payload,
            R"({"type":"t","data":null,"timestamp":"2027-01-15T08:00:00.123Z"})");
  EXPECT_EQ(broadcast(R"({"data":{"timestamp":"x"},"type":"t" })")->payload,
            R"({"data":{"timestamp":"x"},"type":"t" ,"timestamp":"2027-01-15T08:00:00.123Z"})")
      << "one further in is none";
}

TEST(Broadcast, NeedsATypeOfItsOwn) {
  for (const char* body : {R"({"data":1})", R"({"type":7,"data":1})", R"({"type":"","data":1})",
                           R"({"type":"*","data":1})", R"({"type":"a\u0000b","data":1})"})
    expect_refused(body, "type");
  EXPECT_TRUE(broadcast("{\"type\":\"" + std::string(128, 't') + "\",\"data\":1}"));
  expect_refused("{\"type\":\"" + std::string(129, 't') + "\",\"data\":1}", "type");
  for (const std::string own : {"connected", "message", "subscribed", "unsubscribed", "pong",
                                "tokenRefreshed", "tokenExpiring", "presence", "reconnect"})
    expect_refused("{\"type\":\"" + own + "\",\"data\":1}", "server itself");
  EXPECT_TRUE(broadcast(R"({"type":"Connected","data":1})"));
}

TEST(Broadcast, NeedsDataOfAnyKindAndATimestampThatIsAText) {
  expect_refused(R"({"type":"t"})", "data");
  for (const std::string data : {"null", "false", "0", "\"\"", "[]", "{}"})
    EXPECT_TRUE(broadcast("{\"type\":\"t\",\"data\":" + data + "}")) << data;
  for (const std::string timestamp : {"null", "1", "{}"})
    expect_refused("{\"type\":\"t\",\"data\":1,\"timestamp\":" + timestamp + "}", "timestamp");
}

TEST(Broadcast, NeverLooksLikeAnAnswer) {
  for (const std::string member : {"error", "statusCode", "requestId", "messageId"}) {
    expect_refused("{\"type\":\"t\",\"data\":1,\"" + member + "\":null}", member);
    EXPECT_TRUE(broadcast("{\"type\":\"t\",\"data\":{\"" + member + "\":1}}")) << "but may hold one";
  }
}

}  // namespace
}  // namespace carillon::publisher
