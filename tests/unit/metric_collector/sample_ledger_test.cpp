#include "metric_collector/sample_ledger.hpp"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace carillon::metric_collector {
namespace {

using enum SampleLedger::Entry;

model::MessageId id(std::uint8_t number) {
  model::MessageId::Bytes bytes{};
  bytes.back() = number;
  return model::MessageId(bytes);
}

TEST(SampleLedger, EachUserCountsEachMessageOnce) {
  SampleLedger ledger;
  EXPECT_EQ(ledger.enter("ann", id(1), 100), counts);
  EXPECT_EQ(ledger.enter("ann", id(1), 100), repeated);
  EXPECT_EQ(ledger.enter("ben", id(1), 100), counts);
  EXPECT_EQ(ledger.enter("ann", id(2), 100), counts);
  EXPECT_EQ(ledger.size(), 3u);
}

TEST(SampleLedger, WhatWasForgottenIsTooOld) {
  SampleLedger ledger(2);
  EXPECT_EQ(ledger.enter("ann", id(1), 100), counts);
  EXPECT_EQ(ledger.enter("ann", id(2), 200), counts);
  EXPECT_EQ(ledger.enter("ann", id(3), 150), counts);
  EXPECT_EQ(ledger.enter("ann", id(4), 300), counts) << "the first generation goes";
  EXPECT_EQ(ledger.enter("ann", id(1), 100), too_old);
  EXPECT_EQ(ledger.enter("ann", id(2), 200), too_old);
  EXPECT_EQ(ledger.enter("ann", id(5), 200), too_old) << "never seen, but nobody could tell";
  EXPECT_EQ(ledger.enter("ann", id(3), 150), too_old);
  EXPECT_EQ(ledger.enter("ann", id(4), 300), repeated) << "the second generation is still there";
  EXPECT_EQ(ledger.enter("ann", id(6), 201), counts);
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
      if (ledger.enter(user, id(static_cast<std::uint8_t>(message)), message / 3) == counts)
        RC_ASSERT(counted.emplace(user, message).second);
      RC_ASSERT(ledger.size() < 2 * generation);
    }
  }));
}

}  // namespace
}  // namespace carillon::metric_collector
