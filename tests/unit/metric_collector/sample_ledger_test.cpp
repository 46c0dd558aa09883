#include "metric_collector/sample_ledger.hpp"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace carillon::metric_collector {
namespace {

model::MessageId id(std::uint8_t number) {
  model::MessageId::Bytes bytes{};
  bytes.back() = number;
  return model::MessageId(bytes);
}

TEST(SampleLedger, EachUserCountsEachMessageOnce) {
  SampleLedger ledger;
  EXPECT_TRUE(ledger.enter("ann", id(1), 100));
  EXPECT_FALSE(ledger.enter("ann", id(1), 100));
  EXPECT_TRUE(ledger.enter("ben", id(1), 100));
  EXPECT_TRUE(ledger.enter("ann", id(2), 100));
  EXPECT_EQ(ledger.size(), 3u);
}

TEST(SampleLedger, WhatWasForgottenIsTooOld) {
  SampleLedger ledger(2);
  EXPECT_TRUE(ledger.enter("ann", id(1), 100));
  EXPECT_TRUE(ledger.enter("ann", id(2), 200));
  EXPECT_TRUE(ledger.enter("ann", id(3), 150));
  EXPECT_TRUE(ledger.enter("ann", id(4), 300)) << "the first generation goes";
  EXPECT_FALSE(ledger.enter("ann", id(1), 100));
  EXPECT_FALSE(ledger.enter("ann", id(2), 200));
  EXPECT_FALSE(ledger.enter("ann", id(5), 200)) << "never seen, but nobody could tell";
  EXPECT_FALSE(ledger.enter("ann", id(3), 150));
  EXPECT_FALSE(ledger.enter("ann", id(4), 300)) << "the second generation is still there";
  EXPECT_TRUE(ledger.enter("ann", id(6), 201));
}

TEST(SampleLedger, NothingCountsTwiceAndMemoryIsBounded) {
  EXPECT_TRUE(rc::check("any order of samples", [] {
    const auto generation = *rc::gen::inRange<std::size_t>(1, 6);
    SampleLedger ledger(generation);
    std::set<std::pair<std::string, int>> counted;
    for (const int draw : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 120))) {
      const std::string user = draw % 2 == 0 ? "ann" : "ben";
      const int message = draw / 2;
      // Published in the order of their numbers, some at the same moment.
      if (ledger.enter(user, id(static_cast<std::uint8_t>(message)), message / 3))
        RC_ASSERT(counted.emplace(user, message).second);
      RC_ASSERT(ledger.size() < 2 * generation);
    }
  }));
}

}  // namespace
}  // namespace carillon::metric_collector
