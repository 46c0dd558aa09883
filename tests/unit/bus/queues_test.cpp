#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "bus/fifo_queue.hpp"
#include "bus/standard_queue.hpp"

namespace carillon::bus {
namespace {

using base::Monotonic;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Monotonic kStart{};
const RetryPolicy kRetry{.max_attempts = 3, .base = milliseconds(100)};

template <typename Queue>
std::vector<model::Position> take(Queue& queue, Monotonic now = kStart, std::size_t max = 100) {
  std::vector<TakenEntry> taken;
  queue.take(now, max, taken);
  std::vector<model::Position> positions;
  positions.reserve(taken.size());
  for (const TakenEntry& each : taken) positions.push_back(each.position);
  return positions;
}

TEST(RetryPolicy, DoublesAndStaysBetweenHalfAndWhole) {
  const RetryPolicy policy{.max_attempts = 9, .base = milliseconds(200), .max_delay = milliseconds(1000)};
  for (std::uint64_t random : {0ull, 1ull, 12345678901234567ull, ~0ull}) {
    int expected = 200;
    for (int failed = 1; failed < 40; ++failed) {
      const auto delay = policy.delay(failed, random).count();
      EXPECT_GE(delay, expected / 2);
      EXPECT_LE(delay, expected);
      expected = std::min(1000, expected * 2);
    }
  }
  std::set<std::int64_t> seen;
  for (std::uint64_t random = 0; random < 1000; ++random) seen.insert(policy.delay(1, random).count());
  EXPECT_EQ(seen.size(), 101u);
  EXPECT_EQ(RetryPolicy{.base = milliseconds(0)}.delay(1, 7).count(), 1);
  EXPECT_FALSE(policy.exhausted(8));
  EXPECT_TRUE(policy.exhausted(9));
}

TEST(UnsettledPositions, AgreesWithASet) {
  rc::check([](const std::vector<std::uint8_t>& steps) {
    UnsettledPositions<int> positions;
    std::map<model::Position, int> model;
    model::Position next = 1;
    for (const std::uint8_t step : steps) {
      if (step % 2 == 0) {
        positions.add(next, step);
        model.emplace(next, step);
        next += 1 + step % 3;
      } else {
        const model::Position wanted = 1 + step % next;
        RC_ASSERT(positions.remove(wanted) == (model.erase(wanted) == 1));
      }
      RC_ASSERT(positions.size() == model.size());
      RC_ASSERT(positions.smallest().has_value() == !model.empty());
      if (!model.empty()) {
        RC_ASSERT(*positions.smallest() == model.begin()->first);
        RC_ASSERT(positions.smallest_value() == model.begin()->second);
      }
    }
    auto expected = model.begin();
    positions.for_each([&](model::Position position, int value) {
      RC_ASSERT(expected->first == position && expected->second == value);
      ++expected;
      return true;
    });
    RC_ASSERT(expected == model.end());
  });
}

TEST(UnsettledPositions, OneThatStaysDoesNotHoldTheRest) {
  UnsettledPositions<int> positions;
  positions.add(1, 7);
  for (model::Position at = 2; at < 100'000; ++at) {
    positions.add(at, 0);
    positions.remove(at);
  }
  EXPECT_EQ(positions.smallest(), 1u);
  EXPECT_EQ(positions.size(), 1u);
  EXPECT_EQ(*positions.find(1), 7);
  EXPECT_EQ(positions.find(2), nullptr);
}

TEST(StandardQueue, GivesEachEntryOnceUntilItIsSettled) {
  StandardQueue queue(kRetry);
  for (model::Position at = 1; at <= 5; ++at) queue.enqueue(at, static_cast<base::EpochMs>(at) * 10);
  EXPECT_THAT(take(queue, kStart, 3), ElementsAre(1, 2, 3));
  EXPECT_EQ(queue.in_flight(), 3u);
  EXPECT_EQ(queue.depth(), 5u);
  EXPECT_TRUE(queue.settle(2));
  EXPECT_FALSE(queue.settle(2));
  EXPECT_FALSE(queue.settle(5));
  EXPECT_EQ(queue.low_watermark(), 1u);
  EXPECT_EQ(queue.oldest(), 10);
  EXPECT_TRUE(queue.settle(1));
  EXPECT_EQ(queue.low_watermark(), 3u);
  EXPECT_EQ(queue.oldest(), 30);
  EXPECT_THAT(take(queue), ElementsAre(4, 5));
  for (model::Position at = 3; at <= 5; ++at) EXPECT_TRUE(queue.settle(at));
  EXPECT_EQ(queue.depth(), 0u);
  EXPECT_FALSE(queue.low_watermark());
  EXPECT_FALSE(queue.oldest());
}

template <typename Queue>
void three_attempts(Queue& queue) {
  Monotonic now = kStart;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    std::vector<TakenEntry> taken;
    queue.take(now, 10, taken);
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_EQ(taken[0].position, 1u);
    EXPECT_EQ(taken[0].attempt, attempt);
    EXPECT_EQ(taken[0].enqueued_at, 50);
    const auto decision = queue.retry(1, now, ~0ull);
    ASSERT_TRUE(decision);
    EXPECT_EQ(decision->attempts, attempt);
    EXPECT_EQ(decision->exhausted, attempt == 3);
    if (attempt == 3) break;
    EXPECT_FALSE(queue.retry(1, now, 0)) << "it is not in flight";
    EXPECT_EQ(queue.in_flight(), 0u);
    EXPECT_EQ(queue.next_due(), decision->due);
    EXPECT_FALSE(queue.ready(decision->due - milliseconds(1)));
    EXPECT_THAT(take(queue, decision->due - milliseconds(1)), IsEmpty());
    now = decision->due;
    EXPECT_TRUE(queue.ready(now));
  }
  EXPECT_FALSE(queue.next_due());
  EXPECT_FALSE(queue.retry(1, now, 0)) << "exhausted already";
  EXPECT_THAT(take(queue, now + std::chrono::hours(1)), IsEmpty());
  EXPECT_EQ(queue.low_watermark(), 1u) << "unsettled until the dead letter is durable";
  EXPECT_EQ(queue.in_flight(), 1u);
  EXPECT_TRUE(queue.settle(1));
  EXPECT_EQ(queue.depth(), 0u);
}

TEST(StandardQueue, ThreeAttemptsThenDeadLetter) {
  StandardQueue queue(kRetry);
  queue.enqueue(1, 50);
  three_attempts(queue);
}

TEST(FifoQueue, ThreeAttemptsThenDeadLetter) {
  FifoQueue queue(kRetry);
  queue.enqueue(1, "g", 50);
  queue.enqueue(2, "g", 60);
  // The second entry must not come while the first is retried, but right after it is dead-lettered.
  Monotonic now = kStart;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_THAT(take(queue, now), ElementsAre(1));
    now = queue.retry(1, now, 0)->due;
    if (attempt == 3) now = kStart + std::chrono::hours(1);
  }
  EXPECT_THAT(take(queue, now), IsEmpty());
  EXPECT_TRUE(queue.settle(1));
  EXPECT_THAT(take(queue, now), ElementsAre(2)) << "moving to the dead letter queue unlocks the group";
  EXPECT_TRUE(queue.settle(2));
  FifoQueue fresh(kRetry);
  fresh.enqueue(1, "g", 50);
  three_attempts(fresh);
}

TEST(StandardQueue, ARetryDelaysNobodyElse) {
  StandardQueue queue(kRetry);
  queue.enqueue(1, 0);
  take(queue);
  queue.retry(1, kStart, 0);
  queue.enqueue(2, 0);
  EXPECT_THAT(take(queue), ElementsAre(2));
}

TEST(StandardQueue, PurgeLeavesWhatIsInFlight) {
  StandardQueue queue(kRetry);
  for (model::Position at = 1; at <= 4; ++at) queue.enqueue(at, 0);
  take(queue, kStart, 2);
  queue.retry(1, kStart, 0);
  EXPECT_THAT(queue.purge(), ElementsAre(1, 3, 4));
  EXPECT_EQ(queue.depth(), 1u);
  EXPECT_EQ(queue.in_flight(), 1u);
  EXPECT_EQ(queue.low_watermark(), 2u);
  EXPECT_FALSE(queue.next_due());
  EXPECT_THAT(take(queue, kStart + std::chrono::hours(1)), IsEmpty());
  EXPECT_TRUE(queue.settle(2));
}

TEST(StandardQueue, PeekShowsAllOldestFirst) {
  StandardQueue queue(kRetry);
  for (model::Position at = 1; at <= 4; ++at) queue.enqueue(at, static_cast<base::EpochMs>(at));
  take(queue, kStart, 2);
  queue.settle(1);
  const auto seen = queue.peek(2);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].position, 2u);
  EXPECT_EQ(seen[0].attempts, 1);
  EXPECT_EQ(seen[1].position, 3u);
  EXPECT_EQ(seen[1].attempts, 0);
  EXPECT_EQ(seen[1].enqueued_at, 3);
  EXPECT_THAT(queue.peek(0), IsEmpty());
}

TEST(Queues, AnEntrysStateCanBeAskedFor) {
  const auto check = [](auto& queue, auto enqueue) {
    EXPECT_FALSE(queue.find(1));
    enqueue(1);
    enqueue(2);
    EXPECT_EQ(queue.find(1)->attempts, 0);
    EXPECT_FALSE(queue.find(1)->in_flight);
    std::vector<TakenEntry> taken;
    queue.take(kStart, 1, taken);
    EXPECT_TRUE(queue.find(1)->in_flight);
    EXPECT_FALSE(queue.find(2)->in_flight);
    const auto due = queue.retry(1, kStart, 0)->due;
    EXPECT_FALSE(queue.find(1)->in_flight);
    EXPECT_EQ(queue.find(1)->attempts, 1);
    queue.take(due, 1, taken);
    EXPECT_EQ(queue.find(1)->attempts, 2);
    EXPECT_TRUE(queue.settle(1));
    EXPECT_FALSE(queue.find(1));
    EXPECT_TRUE(queue.find(2));
  };
  StandardQueue standard(kRetry);
  check(standard, [&](model::Position at) { standard.enqueue(at, 0); });
  FifoQueue fifo(kRetry);
  check(fifo, [&](model::Position at) { fifo.enqueue(at, "a", 0); });
}

TEST(FifoQueue, OneInFlightPerGroup) {
  FifoQueue queue(kRetry);
  queue.enqueue(1, "a", 0);
  queue.enqueue(2, "a", 0);
  queue.enqueue(3, "b", 0);
  queue.enqueue(4, "", 0);
  EXPECT_THAT(take(queue), ElementsAre(1, 3, 4));
  EXPECT_THAT(take(queue), IsEmpty());
  EXPECT_EQ(queue.in_flight(), 3u);
  EXPECT_TRUE(queue.settle(1));
  EXPECT_THAT(take(queue), ElementsAre(2));
  EXPECT_EQ(queue.low_watermark(), 2u);
  EXPECT_EQ(queue.groups(), 3u);
  for (model::Position at = 2; at <= 4; ++at) EXPECT_TRUE(queue.settle(at));
  EXPECT_EQ(queue.groups(), 0u);
  EXPECT_FALSE(queue.settle(4));
}

TEST(FifoQueue, AGroupComesInItsOrder) {
  FifoQueue queue(kRetry);
  model::Position next = 1;
  for (; next <= 5; ++next) queue.enqueue(next, "a", 0);
  for (model::Position at = 1; at <= 20; ++at) {
    EXPECT_THAT(take(queue), ElementsAre(at));
    if (at % 3 == 0) {
      const auto due = queue.retry(at, kStart, 0)->due;
      EXPECT_THAT(take(queue, due), ElementsAre(at)) << "a retry keeps its place";
    }
    if (at < 16) queue.enqueue(next++, "a", 0);
    EXPECT_TRUE(queue.settle(at));
  }
}

TEST(FifoQueue, AGroupThatWaitsForItsRetryBlocksOnlyItself) {
  FifoQueue queue(kRetry);
  queue.enqueue(1, "a", 0);
  queue.enqueue(2, "a", 0);
  queue.enqueue(3, "b", 0);
  queue.enqueue(4, "b", 0);
  EXPECT_THAT(take(queue), ElementsAre(1, 3));
  const auto decision = queue.retry(1, kStart, ~0ull);
  queue.settle(3);
  EXPECT_THAT(take(queue), ElementsAre(4));
  EXPECT_EQ(queue.next_due(), decision->due);
  EXPECT_THAT(take(queue, decision->due), ElementsAre(1));
}

TEST(FifoQueue, ADueRetryComesBeforeWhatNeverHadATurn) {
  FifoQueue fifo(kRetry);
  StandardQueue standard(kRetry);
  for (model::Position at = 1; at <= 9; ++at) {
    fifo.enqueue(at, std::to_string(at), 0);
    standard.enqueue(at, 0);
  }
  EXPECT_THAT(take(fifo, kStart, 1), ElementsAre(1));
  EXPECT_THAT(take(standard, kStart, 1), ElementsAre(1));
  EXPECT_THAT(take(fifo, fifo.retry(1, kStart, 0)->due, 1), ElementsAre(1));
  EXPECT_THAT(take(standard, standard.retry(1, kStart, 0)->due, 1), ElementsAre(1));
}

TEST(FifoQueue, PurgeLeavesWhatIsInFlight) {
  FifoQueue queue(kRetry);
  for (model::Position at = 1; at <= 3; ++at) queue.enqueue(at, "flying", 0);
  for (model::Position at = 4; at <= 5; ++at) queue.enqueue(at, "retried", 0);
  EXPECT_THAT(take(queue), ElementsAre(1, 4));
  for (model::Position at = 6; at <= 7; ++at) queue.enqueue(at, "waiting", 0);
  queue.retry(4, kStart, 0);
  EXPECT_THAT(queue.purge(), ElementsAre(2, 3, 4, 5, 6, 7));
  EXPECT_EQ(queue.groups(), 1u);
  EXPECT_EQ(queue.depth(), 1u);
  queue.enqueue(8, "flying", 0);
  queue.enqueue(9, "waiting", 0);
  EXPECT_THAT(take(queue, kStart + std::chrono::hours(1)), ElementsAre(9));
  EXPECT_TRUE(queue.settle(1));
  EXPECT_THAT(take(queue), ElementsAre(8));
}

/// A fifo queue driven at random agrees with the plainest model there is: a list per group.
TEST(FifoQueue, AgreesWithListsPerGroup) {
  rc::check([](const std::vector<std::uint8_t>& steps) {
    FifoQueue queue(kRetry);
    std::map<std::string, std::vector<model::Position>> groups;
    std::map<model::Position, std::string> all, flying;
    model::Position next = 1;
    Monotonic now = kStart;
    for (const std::uint8_t step : steps) {
      now += milliseconds(step);
      if (step % 4 == 0 || flying.empty()) {
        const std::string group(1, static_cast<char>('a' + step % 5));
        groups[group].push_back(next);
        all[next] = group;
        queue.enqueue(next++, group, 0);
      } else if (step % 4 == 1) {
        std::vector<TakenEntry> taken;
        queue.take(now, 1 + step % 3, taken);
        for (const TakenEntry& each : taken) {
          RC_ASSERT(groups[all[each.position]].front() == each.position);
          RC_ASSERT(flying.emplace(each.position, all[each.position]).second);
        }
      } else {
        const auto [position, group] = *std::next(flying.begin(), step % static_cast<long>(flying.size()));
        const auto decision = step % 4 == 2 ? queue.retry(position, now, step) : std::nullopt;
        if (!decision || decision->exhausted) {
          RC_ASSERT(queue.settle(position));
          groups[group].erase(groups[group].begin());
          all.erase(position);
        }
        flying.erase(position);
      }
      if (flying.empty()) {
        std::vector<TakenEntry> taken;
        queue.take(now, 1, taken);
        if (!taken.empty()) flying.emplace(taken[0].position, all[taken[0].position]);
      }
      RC_ASSERT(queue.depth() == all.size());
      RC_ASSERT(queue.in_flight() == flying.size());
      RC_ASSERT(queue.low_watermark().has_value() == !all.empty());
      if (!all.empty()) RC_ASSERT(*queue.low_watermark() == all.begin()->first);
    }
  });
}

TEST(FifoQueue, ManyEntriesAndBackToNothing) {
  FifoQueue queue(kRetry);
  constexpr model::Position kCount = 20'000;
  for (int round = 0; round < 2; ++round) {
    const model::Position first = 1 + static_cast<model::Position>(round) * kCount;
    for (model::Position at = first; at < first + kCount; ++at)
      queue.enqueue(at, std::to_string(at % 1000), 0);
    model::Position settled = 0;
    while (queue.depth() > 0)
      for (const model::Position each : take(queue, kStart, 128)) settled += queue.settle(each) ? 1 : 0;
    EXPECT_EQ(settled, kCount);
    EXPECT_EQ(queue.groups(), 0u);
  }
}

}  // namespace
}  // namespace carillon::bus
