#include "bus/sequence_counters.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/errors.hpp"

namespace carillon::bus {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

/// What the store holds, and how often it was asked.
struct Store {
  std::map<std::string, model::SequenceNumber> counters;
  int reads = 0;

  SequenceCounters::Load load() {
    return [this](const std::string& scope) -> base::Result<model::SequenceNumber> {
      ++reads;
      return counters[scope];
    };
  }
};

TEST(SequenceCounters, CountsFromOnePerScope) {
  SequenceCounters counters(10);
  Store store;
  EXPECT_EQ(counters.next("chat:a", store.load()), 1u);
  EXPECT_EQ(counters.next("chat:a", store.load()), 2u);
  EXPECT_EQ(counters.next("chat:b", store.load()), 1u);
  EXPECT_EQ(store.reads, 2);
  EXPECT_THAT(counters.changes(), UnorderedElementsAre(Pair("chat:a", 2u), Pair("chat:b", 1u)));
  counters.commit();
  EXPECT_TRUE(counters.changes().empty());
  EXPECT_EQ(counters.next("chat:a", store.load()), 3u);
  EXPECT_EQ(store.reads, 2);
}

TEST(SequenceCounters, GoesOnFromTheStore) {
  SequenceCounters counters(10);
  Store store{.counters = {{"chat:a", 41}}};
  EXPECT_EQ(counters.next("chat:a", store.load()), 42u);
}

TEST(SequenceCounters, AfterARollbackTheStoreDecides) {
  SequenceCounters counters(10);
  Store store;
  counters.next("chat:a", store.load());
  counters.commit();
  store.counters["chat:a"] = 1;
  counters.next("chat:a", store.load());
  counters.next("chat:b", store.load());
  counters.rollback();
  EXPECT_TRUE(counters.changes().empty());
  // The failed batch may have reached the disk after all.
  store.counters["chat:a"] = 2;
  EXPECT_EQ(counters.next("chat:a", store.load()), 3u);
  EXPECT_EQ(counters.next("chat:b", store.load()), 1u);
}

TEST(SequenceCounters, ForgetsWhatWasUsedLongestAgoButNothingOfTheBatch) {
  SequenceCounters counters(2);
  Store store;
  for (const char* scope : {"a", "b", "c"}) counters.next(scope, store.load());
  EXPECT_EQ(counters.cached(), 3u);
  EXPECT_EQ(counters.next("a", store.load()), 2u);
  for (const auto& [scope, number] : counters.changes()) store.counters[std::string(scope)] = number;
  counters.commit();
  EXPECT_EQ(counters.cached(), 2u);
  store.reads = 0;
  EXPECT_EQ(counters.next("a", store.load()), 3u);
  EXPECT_EQ(counters.next("c", store.load()), 2u);
  EXPECT_EQ(store.reads, 0);
  EXPECT_EQ(counters.next("b", store.load()), 2u);
  EXPECT_EQ(store.reads, 1);
}

TEST(SequenceCounters, Errors) {
  SequenceCounters counters(2);
  Store store{.counters = {{"full", model::kMaxSequenceNumber - 1}}};
  EXPECT_EQ(counters.next("full", store.load()), model::kMaxSequenceNumber);
  const auto none_left = counters.next("full", store.load());
  ASSERT_FALSE(none_left);
  EXPECT_TRUE(none_left.error().is(model::errors::kUnavailable));
  EXPECT_THAT(counters.changes(), UnorderedElementsAre(Pair("full", model::kMaxSequenceNumber)));
  const auto unread = counters.next("x", [](const std::string&) -> base::Result<model::SequenceNumber> {
    return base::fail(model::errors::kUnavailable, "disk");
  });
  ASSERT_FALSE(unread);
  EXPECT_EQ(counters.next("x", store.load()), 1u);
}

}  // namespace
}  // namespace carillon::bus
