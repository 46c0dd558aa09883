#include "outbound/post_queue.hpp"

#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace carillon::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Numbers = std::vector<PostQueue::Number>;
using enum PostQueue::WhenFull;

const PostPlan kPlan{.pauses = {milliseconds(10), milliseconds(40)}};
const PostPlan kHurried{.pauses = {milliseconds(10), milliseconds(40), milliseconds(40)},
                        .in_all = milliseconds(100)};

class PostQueueTest : public ::testing::Test {
 protected:
  PostQueue::Number add(PostQueue& queue, std::string lane, std::size_t group = 0,
                        const PostPlan& plan = kPlan, std::size_t bytes = 1) {
    return try_add(queue, std::move(lane), group, plan, bytes).value();
  }
  std::optional<PostQueue::Number> try_add(PostQueue& queue, std::string lane, std::size_t group = 0,
                                           const PostPlan& plan = kPlan, std::size_t bytes = 1) {
    return queue.add({std::move(lane), group, bytes, &plan}, now, dropped);
  }
  Numbers take(PostQueue& queue) {
    Numbers sent;
    queue.take(now, sent, dropped);
    return sent;
  }

  base::Monotonic now{seconds(1000)};
  Numbers dropped;
};

TEST_F(PostQueueTest, KeepsTheOrderOfALaneAndHoldsUpNoOther) {
  PostQueue queue({oldest_gives_way, oldest_gives_way}, {});
  const auto connect = add(queue, "a"), disconnect = add(queue, "a", 1), other = add(queue, "b", 1);
  EXPECT_THAT(take(queue), ElementsAre(connect, other));
  EXPECT_THAT(take(queue), IsEmpty());
  queue.settle(other);
  EXPECT_THAT(take(queue), IsEmpty());
  queue.settle(connect);
  EXPECT_THAT(take(queue), ElementsAre(disconnect));
  queue.settle(disconnect);
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.next_due(), std::nullopt);
}

TEST_F(PostQueueTest, AFailedPostWaitsWithItsLaneAndWithoutAPlace) {
  PostQueue queue({oldest_gives_way}, {.under_way = 1, .under_way_of_group = 1});
  const auto first = add(queue, "a"), second = add(queue, "a"), other = add(queue, "b");
  EXPECT_THAT(take(queue), ElementsAre(first));
  EXPECT_FALSE(queue.fail(first, now, 0).given_up);
  EXPECT_THAT(take(queue), ElementsAre(other)) << "not what comes after the failed one";
  queue.settle(other);
  EXPECT_EQ(queue.next_due(), now + milliseconds(10));
  now += milliseconds(10);
  EXPECT_THAT(take(queue), ElementsAre(first));
  EXPECT_EQ(queue.fail(first, now, 0).attempts, 2);
  now += milliseconds(39);
  EXPECT_THAT(take(queue), IsEmpty());
  now += milliseconds(1);
  EXPECT_THAT(take(queue), ElementsAre(first));
  EXPECT_TRUE(queue.fail(first, now, 0).given_up) << "after the last pause";
  EXPECT_THAT(take(queue), ElementsAre(second)) << "the next of the lane goes on";
}

TEST_F(PostQueueTest, NoGroupTakesAllPlaces) {
  PostQueue queue({oldest_gives_way, oldest_gives_way}, {.under_way = 4, .under_way_of_group = 3});
  for (int i = 0; i < 5; ++i) add(queue, "slow " + std::to_string(i), 0);
  EXPECT_EQ(take(queue).size(), 3u);
  const auto other = add(queue, "other", 1);
  add(queue, "another", 1);
  EXPECT_THAT(take(queue), ElementsAre(other));
  EXPECT_EQ(queue.under_way(), 4u);
}

TEST_F(PostQueueTest, TheOldestThatWaitsGivesWay) {
  PostQueue queue({oldest_gives_way}, {.under_way = 1, .under_way_of_group = 1, .waiting = 2});
  const auto sent = add(queue, "a");
  EXPECT_THAT(take(queue), ElementsAre(sent));
  const auto held = add(queue, "a"), oldest = add(queue, "b");
  EXPECT_THAT(dropped, IsEmpty());
  add(queue, "c");
  EXPECT_THAT(dropped, ElementsAre(held));
  add(queue, "d");
  EXPECT_THAT(dropped, ElementsAre(held, oldest));
  queue.settle(sent);
  EXPECT_EQ(queue.size(), 2u);
}

TEST_F(PostQueueTest, BytesAreBoundedToo) {
  PostQueue queue({oldest_gives_way}, {.waiting_bytes = 10});
  const auto first = add(queue, "a", 0, kPlan, 6);
  const auto second = add(queue, "b", 0, kPlan, 6);
  EXPECT_THAT(dropped, ElementsAre(first));
  EXPECT_THAT(take(queue), ElementsAre(second));
  const auto huge = add(queue, "c", 0, kPlan, 20);
  EXPECT_THAT(dropped, ElementsAre(first, huge)) << "what fits nowhere goes itself";
  EXPECT_EQ(queue.size(), 1u) << "what is under way stays";
}

TEST_F(PostQueueTest, ALaneHasABoundOfItsOwn) {
  PostQueue queue({oldest_gives_way}, {.waiting_in_lane = 2});
  const auto first = add(queue, "a"), second = add(queue, "a"), third = add(queue, "a");
  EXPECT_THAT(take(queue), ElementsAre(first));
  add(queue, "b");
  EXPECT_THAT(dropped, IsEmpty());
  add(queue, "a");
  EXPECT_THAT(dropped, ElementsAre(second)) << "the one that is sent is not among those";
  queue.settle(first);
  EXPECT_EQ(take(queue).front(), 4u);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(third, 3u);
}

TEST_F(PostQueueTest, ANewcomerIsRefusedWhereThoseThatWaitStay) {
  PostQueue queue({newcomer_is_refused, oldest_gives_way},
                  {.waiting = 2, .waiting_bytes = 10, .waiting_in_lane = 1});
  const auto first = add(queue, "a"), second = add(queue, "b");
  EXPECT_EQ(try_add(queue, "c"), std::nullopt);
  EXPECT_THAT(take(queue), ElementsAre(first, second));
  queue.fail(first, now, 0);
  queue.fail(second, now, 0);
  EXPECT_EQ(try_add(queue, "c"), std::nullopt) << "what failed once waits, too";
  const auto told = add(queue, "c", 1);
  add(queue, "d", 1);
  EXPECT_THAT(dropped, IsEmpty()) << "each group has its own room";
  add(queue, "e", 1);
  EXPECT_THAT(dropped, ElementsAre(told));
  queue.withdraw(first);
  queue.withdraw(second);
  EXPECT_EQ(try_add(queue, "f", 0, kPlan, 11), std::nullopt);
  add(queue, "f");
  add(queue, "f");
  EXPECT_EQ(try_add(queue, "f"), std::nullopt) << "a lane's bound, too";
  EXPECT_THAT(dropped, ElementsAre(told));
}

TEST_F(PostQueueTest, WhatIsWithdrawnHasNoFurtherAttempt) {
  PostQueue queue({oldest_gives_way}, {.under_way = 1, .under_way_of_group = 1});
  const auto sent = add(queue, "a"), next = add(queue, "a"), other = add(queue, "b");
  EXPECT_THAT(take(queue), ElementsAre(sent));
  EXPECT_TRUE(queue.withdraw(other));
  EXPECT_FALSE(queue.withdraw(sent)) << "it is under way";
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_TRUE(queue.fail(sent, now, 0).given_up);
  EXPECT_THAT(take(queue), ElementsAre(next));
  queue.settle(next);
  EXPECT_EQ(queue.size(), 0u);
}

TEST_F(PostQueueTest, APlanMayEndWhileItWaitsOrIsTriedAgain) {
  PostQueue queue({oldest_gives_way}, {.under_way = 1, .under_way_of_group = 1});
  const auto sent = add(queue, "a", 0, kHurried), waits = add(queue, "b", 0, kHurried);
  EXPECT_THAT(take(queue), ElementsAre(sent));
  EXPECT_EQ(queue.time_for(sent, now), milliseconds(100)) << "no longer than it may take in all";
  EXPECT_EQ(queue.next_due(), now + milliseconds(100));
  now += milliseconds(95);
  EXPECT_TRUE(queue.fail(sent, now, 0).given_up) << "a pause would take it past its end";
  EXPECT_THAT(take(queue), ElementsAre(waits));
  EXPECT_EQ(queue.time_for(waits, now), milliseconds(5));
  const auto late = add(queue, "c", 0, kHurried);
  now += milliseconds(100);
  EXPECT_THAT(take(queue), IsEmpty());
  EXPECT_THAT(dropped, ElementsAre(late));
}

TEST_F(PostQueueTest, JitterIsBetweenHalfAndTheWhole) {
  const PostPlan plan{.pauses = {seconds(8)}, .jitter = true};
  for (const std::uint64_t random : {std::uint64_t{0}, std::uint64_t{4000}, ~std::uint64_t{0}}) {
    PostQueue queue({oldest_gives_way}, {});
    const auto number = add(queue, "a", 0, plan);
    take(queue);
    queue.fail(number, now, random);
    EXPECT_GE(*queue.next_due() - now, seconds(4)) << random;
    EXPECT_LE(*queue.next_due() - now, seconds(8)) << random;
  }
}

/// Whatever happens: the order of a lane is kept, one of it is sent at a time, bounds hold, and each post
/// ends once.
TEST(PostQueueProperty, KeepsItsPromises) {
  EXPECT_TRUE(rc::check([] {
    const PostQueue::Limits limits{
        .under_way = 3, .under_way_of_group = 2, .waiting = 6, .waiting_in_lane = 3};
    const bool refusing = *rc::gen::arbitrary<bool>();
    PostQueue queue({refusing ? newcomer_is_refused : oldest_gives_way, oldest_gives_way}, limits);
    base::Monotonic now{seconds(1)};
    std::map<PostQueue::Number, std::string> open, under_way;
    std::map<PostQueue::Number, std::size_t> group_of;
    std::map<std::string, PostQueue::Number> last_sent;
    const auto end = [&](const Numbers& numbers) {
      for (const auto each : numbers) {
        RC_ASSERT(!under_way.contains(each));
        RC_ASSERT(open.erase(each) == 1u);
      }
    };
    for (int step = *rc::gen::inRange(1, 200); step > 0; --step) {
      Numbers dropped, sent;
      const int what = *rc::gen::inRange(0, 5);
      if (what == 0 || under_way.empty()) {
        const std::string lane(1, *rc::gen::inRange('a', 'f'));
        const auto& plan = *rc::gen::arbitrary<bool>() ? kPlan : kHurried;
        const auto group = *rc::gen::inRange<std::size_t>(0, 2);
        const auto number = queue.add({lane, group, 1, &plan}, now, dropped);
        RC_ASSERT(number || (refusing && group == 0));
        if (number) {
          open[*number] = lane;
          group_of[*number] = group;
        }
        for (const auto each : dropped) RC_ASSERT(!refusing || group_of.at(each) == 1u);
        end(dropped);
      } else if (what == 1) {
        now += milliseconds(*rc::gen::inRange(0, 60));
      } else if (what == 2) {
        const auto at = std::next(open.begin(), *rc::gen::inRange<long>(0, static_cast<long>(open.size())));
        if (queue.withdraw(at->first)) end({at->first});
      } else {
        const auto at =
            std::next(under_way.begin(), *rc::gen::inRange<long>(0, static_cast<long>(under_way.size())));
        const auto number = at->first;
        under_way.erase(at);
        if (what == 3) {
          queue.settle(number);
          open.erase(number);
        } else if (queue.fail(number, now, *rc::gen::arbitrary<std::uint64_t>()).given_up) {
          open.erase(number);
        }
      }
      dropped.clear();
      queue.take(now, sent, dropped);
      end(dropped);
      for (const auto each : sent) {
        const std::string& lane = open.at(each);
        for (const auto& [other, its_lane] : under_way) RC_ASSERT(its_lane != lane);
        RC_ASSERT(last_sent[lane] <= each);
        last_sent[lane] = each;
        under_way[each] = lane;
      }
      RC_ASSERT(queue.size() == open.size());
      RC_ASSERT(queue.under_way() == under_way.size());
      RC_ASSERT(under_way.size() <= limits.under_way);
      for (const std::size_t group : {0u, 1u})
        RC_ASSERT(static_cast<std::size_t>(std::ranges::count_if(open, [&](const auto& each) {
                    return group_of.at(each.first) == group;
                  })) <= limits.waiting + limits.under_way_of_group);
    }
  }));
}

}  // namespace
}  // namespace carillon::outbound
