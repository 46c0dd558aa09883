#include "message_retrieval/sequence_list.hpp"

#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon::message_retrieval {
namespace {

using ports::NumberRange;
using testing::ElementsAre;

std::vector<NumberRange> parsed(const std::string& text) {
  const auto list = parse_sequence_list(text);
  EXPECT_TRUE(list) << text << ": " << list.error().details();
  return list.value_or(std::vector<NumberRange>{});
}

std::string refusal(const std::string& text) {
  const auto list = parse_sequence_list(text);
  EXPECT_FALSE(list) << text;
  return list ? "" : std::string(list.error().code()) + ": " + list.error().details();
}

TEST(SequenceList, NumbersAndRangesInAnyOrder) {
  EXPECT_THAT(parsed("3,5-9"), ElementsAre(NumberRange{3, 3}, NumberRange{5, 9}));
  EXPECT_THAT(parsed("5-9,3"), ElementsAre(NumberRange{3, 3}, NumberRange{5, 9}));
  EXPECT_THAT(parsed("7"), ElementsAre(NumberRange{7, 7}));
  EXPECT_THAT(parsed("9007199254740991"), ElementsAre(NumberRange{9007199254740991, 9007199254740991}));
}

TEST(SequenceList, DuplicatesOverlapsAndNeighboursAreMerged) {
  EXPECT_THAT(parsed("3,3,3"), ElementsAre(NumberRange{3, 3}));
  EXPECT_THAT(parsed("1-10,4-6,8-12"), ElementsAre(NumberRange{1, 12}));
  EXPECT_THAT(parsed("2,1,3"), ElementsAre(NumberRange{1, 3}));
}

TEST(SequenceList, WhatIsNoListIsRefused) {
  for (const char* bad : {"",
                          ",",
                          "1,",
                          ",1",
                          "1,,2",
                          "-",
                          "1-",
                          "-1",
                          "5-3",
                          "1-2-3",
                          "0",
                          "0-3",
                          "+1",
                          "a",
                          "1 ,2",
                          " 1",
                          "1.5",
                          "1e3",
                          "0x10",
                          "9007199254740992",
                          "1-9007199254740992",
                          "18446744073709551616",
                          "99999999999999999999999999",
                          "1;2",
                          "\xd9\xa1"})
    EXPECT_EQ(refusal(bad),
              "invalid_parameter: sequences must be numbers and ranges from 1 to 2^53-1, such as 3,5-9")
        << bad;
}

TEST(SequenceList, AThousandNumbersAfterMerging) {
  EXPECT_THAT(parsed("1-1000"), ElementsAre(NumberRange{1, 1000}));
  EXPECT_THAT(parsed("1-1000,1-1000,500"), ElementsAre(NumberRange{1, 1000}));
  EXPECT_THAT(parsed("1-999,2000"), ElementsAre(NumberRange{1, 999}, NumberRange{2000, 2000}));
  const std::string too_many = "invalid_parameter: sequences may name at most 1000 numbers";
  EXPECT_EQ(refusal("1-1001"), too_many);
  EXPECT_EQ(refusal("1-1000,2000"), too_many);
  EXPECT_EQ(refusal("1-9007199254740991"), too_many);
}

TEST(SequenceList, TheTextIsBounded) {
  std::string longest = "1";
  while (longest.size() + 2 <= kMaxSequenceListBytes) longest += ",1";
  EXPECT_THAT(parsed(longest), ElementsAre(NumberRange{1, 1}));
  EXPECT_EQ(refusal(longest + ",1,1"), "invalid_parameter: sequences is too long");
}

RC_GTEST_PROP(SequenceListProperty, AgreesWithASet, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  std::string text;
  std::set<model::SequenceNumber> numbers;
  for (std::size_t parts = 1 + random() % 40; parts > 0; --parts) {
    const model::SequenceNumber first = 1 + random() % 1500;
    const model::SequenceNumber last = first + (random() % 3 == 0 ? random() % 60 : 0);
    if (!text.empty()) text += ',';
    text += std::to_string(first);
    if (last != first || random() % 8 == 0) text += '-' + std::to_string(last);
    for (auto each = first; each <= last; ++each) numbers.insert(each);
  }
  const auto list = parse_sequence_list(text);
  RC_ASSERT(list.has_value() == (numbers.size() <= kMaxSequenceNumbers));
  if (!list) return;
  std::vector<model::SequenceNumber> listed;
  for (const NumberRange& each : *list) {
    RC_ASSERT((listed.empty() || each.first > listed.back() + 1));
    for (auto number = each.first; number <= each.last; ++number) listed.push_back(number);
  }
  RC_ASSERT(listed == std::vector<model::SequenceNumber>(numbers.begin(), numbers.end()));
}

RC_GTEST_PROP(SequenceListProperty, AnyTextIsAListOrAnError, (const std::string& text)) {
  const auto list = parse_sequence_list(text);
  RC_ASSERT((list ? !list->empty() : list.error().is(model::errors::kInvalidParameter)));
}

}  // namespace
}  // namespace carillon::message_retrieval
