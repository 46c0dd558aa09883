#include "publisher/publication.hpp"

#include <gtest/gtest.h>

namespace carillon::publisher {
namespace {

namespace errors = model::errors;

model::IdentityPtr identity(bool backend = false) {
  auto made = std::make_shared<model::Identity>();
  made->user = model::UserId("ann");
  made->may_publish_anywhere = backend;
  return made;
}

const Channels kChannels{{{"Email", false}, {"Audit", true}}};

model::Result<ports::Publication> read(const std::string& body, Origin origin) {
  const auto document = model::JsonDocument::parse(body);
  EXPECT_TRUE(document) << body;
  return make_publication(*document, origin, kChannels);
}

model::Result<ports::Publication> over_http(const std::string& body, std::string key = {}) {
  static const auto ann = identity();
  return read(body, Origin{ann, {}, std::move(key)});
}

model::Result<ports::Publication> over_socket(const std::string& body) {
  static const auto ann = identity();
  return read(body, Origin{ann, model::ConnectionId("c1"), {}});
}

std::string with(const std::string& members,
                 const std::string& payload = R"("chatId":"c","eventType":"e","content":1)") {
  return R"({"targetChannel":"WebSocket",)" + members + (members.empty() ? "" : ",") + R"("payload":{)" +
         payload + "}}";
}

void expect_error(const model::Result<ports::Publication>& result, const base::ErrorEntry& entry,
                  const std::string& what) {
  ASSERT_FALSE(result) << what;
  EXPECT_TRUE(result.error().is(entry))
      << what << ": " << result.error().text() << " " << result.error().details();
}

TEST(Publication, needs_a_channel_and_a_payload) {
  for (const char* body :
       {"{}", R"({"targetChannel":"WebSocket"})", R"({"payload":{}})", R"({"targetChannel":"","payload":{}})",
        R"({"targetChannel":1,"payload":{}})", R"({"targetChannel":"WebSocket","payload":"x"})"})
    expect_error(over_http(body), errors::kMissingParameters, body);
}

TEST(Publication, names_each_mistake_as_the_contract_does) {
  expect_error(over_http(with(R"("messageType":"FIFO")")), errors::kInvalidMessageType, "type");
  expect_error(over_http(with(R"("messageType":7)")), errors::kInvalidMessageType, "type");
  expect_error(over_http(with("", R"("targetClass":"team","targetId":"x","eventType":"e","content":1)")),
               errors::kInvalidTargetClass, "class");
  expect_error(over_http(with("", R"("eventType":"e","content":1)")), errors::kMissingTarget, "target");
  expect_error(over_http(with("", R"("targetClass":"user","eventType":"e","content":1)")),
               errors::kMissingTarget, "id");
  expect_error(over_http(with("", R"("targetId":"x","eventType":"e","content":1)")), errors::kMissingTarget,
               "class");
  expect_error(over_http(with("", R"("chatId":"c","content":1)")), errors::kMissingContent, "event type");
  expect_error(over_http(with("", R"("chatId":"c","eventType":"e")")), errors::kMissingContent, "content");
  expect_error(over_http(with("", R"("chatId":"c","eventType":5,"content":1)")), errors::kMissingContent,
               "event type");
}

TEST(Publication, lists_the_channels_when_one_is_unknown) {
  const auto result =
      over_http(R"({"targetChannel":"SMS","payload":{"chatId":"c","eventType":"e","content":1}})");
  expect_error(result, errors::kUnknownChannel, "SMS");
  EXPECT_EQ(result.error().members(), R"(,"channels":["WebSocket","Email","Audit"])");
}

TEST(Publication, a_backend_channel_is_closed_to_users) {
  const std::string body =
      R"({"targetChannel":"Audit","payload":{"chatId":"c","eventType":"e","content":1}})";
  expect_error(over_http(body), errors::kChannelClosed, "user");
  const auto backend = identity(true);
  EXPECT_TRUE(read(body, Origin{backend, {}, {}}));
}

TEST(Publication, takes_any_json_as_content) {
  for (const char* content : {"null", "0", "\"\"", "[]", "{\"a\":{}}", "false", "1.50"}) {
    const auto result =
        over_http(with("", std::string(R"("chatId":"c","eventType":"e","content":)") + content));
    ASSERT_TRUE(result) << content;
    EXPECT_EQ(result->payload, std::string(R"({"chatId":"c","eventType":"e","content":)") + content + "}");
  }
}

TEST(Publication, finds_its_target) {
  EXPECT_EQ(over_http(with(""))->target, model::Target::chat("c"));
  EXPECT_EQ(over_http(with("", R"("targetClass":"chat","targetId":"c","eventType":"e","content":1)"))->target,
            model::Target::chat("c"));
  EXPECT_EQ(over_http(with("", R"("targetClass":"org","targetId":"o","eventType":"e","content":1)"))->target,
            (model::Target{model::TargetClass::org, "o"}));
  EXPECT_EQ(over_http(with("", R"("targetClass":"all","eventType":"e","content":1)"))->target,
            model::Target::all());
  EXPECT_TRUE(
      over_http(with("", R"("chatId":"c","targetClass":"chat","targetId":"c","eventType":"e","content":1)")));
}

TEST(Publication, refuses_targets_that_contradict_or_cannot_be) {
  for (const char* payload :
       {R"("chatId":"c","targetClass":"user","targetId":"u","eventType":"e","content":1)",
        R"("chatId":"c","targetClass":"chat","targetId":"d","eventType":"e","content":1)",
        R"("chatId":"c","targetClass":"all","eventType":"e","content":1)",
        R"("targetClass":"all","targetId":"x","eventType":"e","content":1)",
        R"("chatId":"","eventType":"e","content":1)", R"("chatId":"*","eventType":"e","content":1)",
        R"("chatId":"a,b","eventType":"e","content":1)", R"("chatId":5,"eventType":"e","content":1)",
        R"("chatId":"c","eventType":"a\nb","content":1)"})
    expect_error(over_http(with("", payload)), errors::kInvalidParameter, payload);
  const std::string long_id(257, 'x');
  expect_error(over_http(with("", R"("chatId":")" + long_id + R"(","eventType":"e","content":1)")),
               errors::kInvalidParameter, "257 characters");
}

TEST(Publication, groups_by_chat_then_by_target_or_sender) {
  const std::string user = R"("targetClass":"user","targetId":"bob","eventType":"e","content":1)";
  EXPECT_EQ(over_http(with(R"("messageType":"fifo","messageGroupId":"g")"))->group_id, "g");
  EXPECT_EQ(over_http(with(R"("messageType":"fifo")"))->group_id, "c");
  EXPECT_EQ(over_http(with(R"("messageType":"fifo")", user))->group_id, "user:bob");
  EXPECT_EQ(over_socket(with(R"("messageType":"fifo")", user))->group_id, "ann");
  EXPECT_EQ(over_http(with(R"("messageGroupId":"g")"))->group_id, "") << "standard messages have no group";
}

TEST(Publication, takes_sequence_wishes_from_body_or_payload) {
  const std::string chat = R"("chatId":"c","eventType":"e","content":1)";
  EXPECT_TRUE(over_http(with(R"("messageType":"fifo")"))->generate_sequence);
  EXPECT_FALSE(over_http(with(R"("messageType":"fifo","generateSequence":false)"))->generate_sequence);
  EXPECT_FALSE(
      over_http(with(R"("messageType":"fifo")", chat + R"(,"generateSequence":false)"))->generate_sequence);
  EXPECT_EQ(over_http(with(R"("messageType":"fifo","customSequence":7)"))->custom_sequence, 7u);
  EXPECT_EQ(over_http(with(R"("messageType":"fifo")", chat + R"(,"customSequence":9007199254740991)"))
                ->custom_sequence,
            9007199254740991u);
  for (const char* wrong : {"0", "-1", "1.5", "9007199254740992", "\"7\"", "true"})
    expect_error(over_http(with(std::string(R"("messageType":"fifo","customSequence":)") + wrong)),
                 errors::kInvalidParameter, wrong);
}

TEST(Publication, an_id_in_the_body_wins_over_the_idempotency_key) {
  EXPECT_EQ(over_http(with(""), "key")->deduplication_id, "key");
  EXPECT_EQ(over_http(with(R"("messageDeduplicationId":"own")"), "key")->deduplication_id, "own");
}

TEST(Publication, checks_options) {
  for (const char* wrong :
       {R"("messageGroupId":"")", R"("messageGroupId":7)", R"("messageDeduplicationId":"a,b")",
        R"("correlationId":[])", R"("excludeSender":"yes")", R"("generateSequence":1)", R"("attributes":[])",
        R"("attributes":{"a":true})", R"("attributes":{"a":[1]})", R"("attributes":{"a":{}})",
        R"("attributes":{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1})"})
    expect_error(over_http(with(std::string(R"("messageType":"fifo",)") + wrong)), errors::kInvalidParameter,
                 wrong);
  const auto result = over_http(with(
      R"("correlationId":"x","excludeSender":true,"attributes":{"priority":5,"kind":"a","tags":["p","q"]})"));
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->exclude_sender);
  EXPECT_EQ(result->correlation_id, "x");
  EXPECT_EQ(std::get<double>(result->attributes.at("priority")), 5);
  EXPECT_EQ(std::get<std::vector<std::string>>(result->attributes.at("tags")).size(), 2u);
}

TEST(Publication, the_sender_is_the_identitys_whatever_the_body_says) {
  EXPECT_EQ(over_http(with(R"("userId":"eve")", R"("userId":"eve","chatId":"c","eventType":"e","content":1)"))
                ->sender,
            model::UserId("ann"));
}

TEST(Publication, a_failure_inside_is_named_without_what_only_the_operator_may_know) {
  const base::ErrorEntry corrupt{"store_corrupt", 500, 1011, false, "Internal error"};
  const model::Error answer = answer_to(model::Error(corrupt, "a path"), errors::kPublishFailed);
  EXPECT_TRUE(answer.is(errors::kPublishFailed));
  EXPECT_EQ(answer.details(), "store_corrupt");
  EXPECT_EQ(answer_to(model::Error(corrupt), errors::kSendFailed).text(),
            "Failed to send message via WebSocket");
  EXPECT_TRUE(
      answer_to(model::retry_later(errors::kOverloaded, 5), errors::kPublishFailed).is(errors::kOverloaded));
}

TEST(Receipt, repeats_what_the_contract_lists) {
  const auto publication = over_http(with(R"("messageType":"fifo")"));
  ports::Receipt receipt;
  receipt.id = *model::MessageId::parse("0192f0c4-5e5a-7000-8000-000000000001");
  receipt.published_at = 1760000000000;
  receipt.sequence = 42;
  EXPECT_EQ(
      receipt_members(Echo(*publication), receipt),
      R"("messageId":"0192f0c4-5e5a-7000-8000-000000000001","messageType":"fifo","targetChannel":"WebSocket",)"
      R"("messageGroupId":"c","timestamp":"2025-10-09T08:53:20.000Z","sequenceNumber":42)");
  receipt.deduplicated = true;
  EXPECT_TRUE(receipt_members(Echo(*publication), receipt).ends_with(R"(,"deduplicated":true)"));
}

}  // namespace
}  // namespace carillon::publisher
