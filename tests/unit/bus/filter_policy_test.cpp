#include "bus/filter_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/errors.hpp"

namespace carillon::bus {
namespace {

using ::testing::HasSubstr;

model::MessageBody message() {
  model::MessageBody body;
  body.type = model::MessageType::fifo;
  body.target = model::Target::chat("chat-1");
  body.event_type = "chat.created";
  body.sender = model::UserId("alice");
  body.attributes = {
      {"priority", 5.0}, {"region", "eu-west"}, {"tags", std::vector<std::string>{"red", "blue"}}};
  return body;
}

bool matches(std::string_view policy, const model::MessageBody& body = message()) {
  const auto parsed = FilterPolicy::parse(policy);
  EXPECT_TRUE(parsed) << policy << ": " << (parsed ? "" : parsed.error().details());
  return parsed && parsed->matches(body);
}

std::string why(std::string_view policy) {
  const auto parsed = FilterPolicy::parse(policy);
  EXPECT_FALSE(parsed) << policy;
  if (parsed) return {};
  EXPECT_TRUE(parsed.error().is(model::errors::kInvalidParameter));
  return parsed.error().details();
}

TEST(FilterPolicy, EmptyOneTakesEverything) {
  EXPECT_TRUE(matches("{}"));
  EXPECT_TRUE(FilterPolicy().matches(message()));
}

TEST(FilterPolicy, ReadsTheMessagesOwnMembers) {
  EXPECT_TRUE(matches(R"({"targetChannel":["WebSocket"],"messageType":["fifo"],"chatId":["chat-1"],
      "targetClass":["chat"],"targetId":["chat-1"],"eventType":["chat.created"],"userId":["alice"]})"));
  for (const char* name :
       {"targetChannel", "messageType", "chatId", "targetClass", "targetId", "eventType", "userId"})
    EXPECT_FALSE(matches("{\"" + std::string(name) + "\":[\"other\"]}")) << name;
}

TEST(FilterPolicy, AttributesDoNotShadowTheMessagesOwnMembers) {
  auto body = message();
  body.attributes = {{"targetChannel", "Email"}, {"userId", "bob"}};
  EXPECT_FALSE(matches(R"({"targetChannel":["Email"]})", body));
  EXPECT_FALSE(matches(R"({"userId":["bob"]})", body));
}

TEST(FilterPolicy, AbsentMembersAreAbsent) {
  auto body = message();
  body.target = model::Target::user("bob");
  EXPECT_TRUE(matches(R"({"chatId":[{"exists":false}],"targetId":[{"exists":true}]})", body));
  body.target = model::Target::all();
  EXPECT_TRUE(matches(R"({"targetId":[{"exists":false}]})", body));
  EXPECT_FALSE(matches(R"({"chatId":[{"anything-but":"x"}]})", body));
  EXPECT_FALSE(matches(R"({"chatId":[""]})", body));
}

TEST(FilterPolicy, OneConditionOfEveryAttributeMustMatch) {
  EXPECT_TRUE(matches(R"({"region":["us","eu-west"],"priority":[1,5]})"));
  EXPECT_FALSE(matches(R"({"region":["us","eu-west"],"priority":[1,2]})"));
  EXPECT_FALSE(matches(R"({"region":["us"],"priority":[5]})"));
}

TEST(FilterPolicy, TextOperators) {
  EXPECT_TRUE(matches(R"({"region":[{"prefix":"eu-"}]})"));
  EXPECT_FALSE(matches(R"({"region":[{"prefix":"us-"}]})"));
  EXPECT_TRUE(matches(R"({"region":[{"suffix":"-west"}]})"));
  EXPECT_FALSE(matches(R"({"region":[{"suffix":"-east"}]})"));
  EXPECT_TRUE(matches(R"({"region":[{"anything-but":"us"}]})"));
  EXPECT_FALSE(matches(R"({"region":[{"anything-but":["us","eu-west"]}]})"));
  EXPECT_TRUE(matches(R"({"region":[{"anything-but":{"prefix":"us"}}]})"));
  EXPECT_FALSE(matches(R"({"region":[{"anything-but":{"prefix":"eu"}}]})"));
}

TEST(FilterPolicy, NumberOperators) {
  EXPECT_TRUE(matches(R"({"priority":[5.0]})"));
  EXPECT_FALSE(matches(R"({"priority":["5"]})"));
  EXPECT_FALSE(matches(R"({"region":[5]})"));
  const std::vector<std::pair<const char*, bool>> cases{
      {R"(["=",5])", true},         {R"(["=",6])", false},       {R"([">",4])", true},
      {R"([">",5])", false},        {R"([">=",5])", true},       {R"(["<",5])", false},
      {R"(["<=",5])", true},        {R"([">",1,"<=",5])", true}, {R"([">",1,"<",5])", false},
      {R"([">=",5,"<=",5])", true}, {R"(["<",9,">",4])", true},  {R"([">",5,"<",9])", false}};
  for (const auto& [range, expected] : cases)
    EXPECT_EQ(matches("{\"priority\":[{\"numeric\":" + std::string(range) + "}]}"), expected) << range;
  EXPECT_FALSE(matches(R"({"priority":[{"anything-but":[4,5]}]})"));
  EXPECT_TRUE(matches(R"({"priority":[{"anything-but":[4,6]}]})"));
}

TEST(FilterPolicy, AnyElementOfAListMayMatch) {
  EXPECT_TRUE(matches(R"({"tags":["blue"]})"));
  EXPECT_FALSE(matches(R"({"tags":["green"]})"));
  EXPECT_TRUE(matches(R"({"tags":[{"prefix":"bl"}]})"));
  EXPECT_TRUE(matches(R"({"tags":[{"anything-but":"red"}]})"));
  EXPECT_FALSE(matches(R"({"tags":[{"anything-but":["red","blue"]}]})"));
}

TEST(FilterPolicy, Exists) {
  EXPECT_TRUE(matches(R"({"tags":[{"exists":true}],"none":[{"exists":false}]})"));
  EXPECT_FALSE(matches(R"({"none":[{"exists":true}]})"));
  EXPECT_FALSE(matches(R"({"tags":[{"exists":false}]})"));
  EXPECT_TRUE(matches(R"({"none":[{"exists":false},"x"]})"));
}

TEST(FilterPolicy, ForChannel) {
  EXPECT_TRUE(FilterPolicy::for_channel("WebSocket").matches(message()));
  EXPECT_FALSE(FilterPolicy::for_channel("Email").matches(message()));
}

TEST(FilterPolicy, NamesWhatItDoesNotKnow) {
  EXPECT_THAT(why(R"({"region":[{"wildcard":"a*"}]})"), HasSubstr("region: unknown operator wildcard"));
  EXPECT_THAT(why(R"({"$or":[{"a":["b"]}]})"), HasSubstr("$or: unknown operator"));
  EXPECT_THAT(why(R"({"p":[{"numeric":["<>",1]}]})"), HasSubstr("<>"));
  EXPECT_THAT(why(R"({"p":[true]})"), HasSubstr("p: "));
  EXPECT_THAT(why(R"({"p":[null]})"), HasSubstr("p: "));
  EXPECT_THAT(why(R"({"p":"text"})"), HasSubstr("p: needs a list"));
}

TEST(FilterPolicy, RefusesWhatMakesNoSense) {
  for (const char* policy : {"",
                             "[]",
                             "{",
                             R"({"a":["b"],"a":["c"]})",
                             R"({"a":[]})",
                             R"({"":["b"]})",
                             R"({"a":[{}]})",
                             R"({"a":[{"prefix":"x","suffix":"y"}]})",
                             R"({"a":[{"prefix":1}]})",
                             R"({"a":[{"exists":"true"}]})",
                             R"({"a":[{"anything-but":[]}]})",
                             R"({"a":[{"anything-but":true}]})",
                             R"({"a":[{"anything-but":[["b"]]}]})",
                             R"({"a":[{"anything-but":{"suffix":"x"}}]})",
                             R"({"a":[{"anything-but":{}}]})",
                             R"({"a":[{"numeric":[]}]})",
                             R"({"a":[{"numeric":[">"]}]})",
                             R"({"a":[{"numeric":[">","1"]}]})",
                             R"({"a":[{"numeric":[">",1,">",2]}]})",
                             R"({"a":[{"numeric":["=",1,"<",2]}]})",
                             R"({"a":[{"numeric":[">",2,"<",1]}]})",
                             R"({"a":[{"numeric":[">",1,"<=",1]}]})",
                             R"({"a":[1e400]})"})
    EXPECT_FALSE(why(policy).empty()) << policy;
}

std::string repeated(std::size_t count, std::string_view prefix, std::string_view suffix) {
  std::string out;
  for (std::size_t at = 0; at < count; ++at) {
    if (at > 0) out += ',';
    out += prefix;
    out += std::to_string(at);
    out += suffix;
  }
  return out;
}

TEST(FilterPolicy, IsBounded) {
  EXPECT_TRUE(FilterPolicy::parse("{" + repeated(50, "\"a", "\":[1]") + "}"));
  EXPECT_THAT(why("{" + repeated(51, "\"a", "\":[1]") + "}"), HasSubstr("50 attributes"));
  EXPECT_TRUE(FilterPolicy::parse("{\"a\":[" + repeated(150, "", "") + "]}"));
  EXPECT_THAT(why("{\"a\":[" + repeated(151, "", "") + "]}"), HasSubstr("150 conditions"));
  EXPECT_TRUE(FilterPolicy::parse("{\"a\":[{\"anything-but\":[" + repeated(150, "", "") + "]}]}"));
  EXPECT_THAT(why("{\"a\":[{\"anything-but\":[" + repeated(151, "", "") + "]}]}"),
              HasSubstr("150 conditions"));
  const std::string frame = R"({"a":[""]})";
  const std::string text(FilterPolicy::kMaxBytes - frame.size(), 'x');
  EXPECT_TRUE(FilterPolicy::parse("{\"a\":[\"" + text + "\"]}"));
  EXPECT_THAT(why("{\"a\":[\"" + text + "x\"]}"), HasSubstr("16384"));
}

}  // namespace
}  // namespace carillon::bus
