#include "model/json.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon::model {
namespace {

bool accepted(std::string_view text) {
  return JsonDocument::parse(text).has_value();
}

TEST(JsonDocument, keeps_members_byte_for_byte) {
  const std::string text =
      R"( { "a" : 1 , "payload" :  { "x" : [ 1.50 , "é\u00e9\"}" ] ,"y":1e2}  , "z":"s" } )";
  const auto document = JsonDocument::parse(text);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->raw("payload"), R"({ "x" : [ 1.50 , "é\u00e9\"}" ] ,"y":1e2})");
  EXPECT_EQ(document->raw("a"), "1");
  EXPECT_EQ(document->raw("z"), R"("s")");
  EXPECT_EQ(document->raw("absent"), "");
}

TEST(JsonDocument, finds_a_member_whose_name_is_escaped) {
  const std::string text = R"({"first":0,"pay\u006coad":[true]})";
  EXPECT_EQ(JsonDocument::parse(text)->raw("payload"), "[true]");
}

TEST(JsonDocument, refuses_what_is_not_json) {
  for (const char* text :
       {"", " ", "{", "{}x", "{\"a\":}", "{'a':1}", "{\"a\":01}", "nul", "[1,]", "[{\"a\":1,\"a\":1}]"})
    EXPECT_TRUE(JsonDocument::parse(text).error().is(errors::kInvalidJson)) << text;
}

TEST(JsonDocument, misses_everything_in_json_that_is_no_object) {
  for (const char* text : {"[]", "1", "null", "\"a\"", "true", "[{}]"})
    EXPECT_TRUE(JsonDocument::parse(text).error().is(errors::kMissingParameters)) << text;
}

TEST(JsonDocument, refuses_a_key_that_comes_twice) {
  EXPECT_FALSE(accepted(R"({"a":1,"a":1})"));
  EXPECT_FALSE(accepted(R"({"a":1,"\u0061":2})"));
  EXPECT_FALSE(accepted(R"({"b":{"a":1,"a":{"c":1,"d":2}}})"));
  EXPECT_FALSE(accepted(R"({"b":[{"a":1,"a":1}]})"));
  EXPECT_TRUE(accepted(R"({"a":{"a":{"a":":"}},"b":":"})"));
}

TEST(JsonDocument, refuses_numbers_that_are_not_finite) {
  EXPECT_FALSE(accepted(R"({"a":1e400})"));
  EXPECT_FALSE(accepted(R"({"a":[{"b":-1e999}]})"));
  EXPECT_TRUE(accepted(R"({"a":1e308,"b":123456789012345678901234567890})"));
}

TEST(JsonDocument, refuses_nesting_over_64) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(accepted(nested(64)));
  EXPECT_FALSE(accepted(nested(65)));
  EXPECT_FALSE(accepted(nested(10'000)));
}

TEST(JsonDocument, refuses_ill_formed_utf8) {
  EXPECT_FALSE(accepted("{\"a\":\"\xff\"}"));
  EXPECT_FALSE(accepted("{\"a\":\"\xed\xa0\x80\"}"));
  EXPECT_TRUE(accepted("{\"a\":\"\xf0\x9f\x94\x94\"}"));
}

TEST(RawElements, splits_an_array_at_its_own_commas_only) {
  const auto elements = raw_elements(R"([ {"a":[1,2]} , "x,]" ,[],{ } ])");
  EXPECT_EQ(elements, (std::vector<std::string_view>{R"({"a":[1,2]})", R"("x,]")", "[]", "{ }"}));
  EXPECT_TRUE(raw_elements("[ ]").empty());
}

RC_GTEST_PROP(JsonDocument, gives_back_what_was_put_in, (const std::vector<std::string>& texts)) {
  boost::json::object object;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string ascii;
    for (const char c : texts[i]) ascii += static_cast<char>(c & 0x7f);
    object["k" + std::to_string(i)] = boost::json::array{ascii, static_cast<double>(i) / 3};
  }
  const std::string text = boost::json::serialize(object);
  const auto document = JsonDocument::parse(text);
  RC_ASSERT(document.has_value());
  for (const auto& each : object)
    RC_ASSERT(document->raw(each.key()) == boost::json::serialize(each.value()));
}

}  // namespace
}  // namespace carillon::model
