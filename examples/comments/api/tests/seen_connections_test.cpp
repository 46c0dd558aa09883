#include "comments_api/seen_connections.hpp"

#include <gtest/gtest.h>

namespace carillon::comments_api {
namespace {

using Event = SeenConnections::Event;
using std::chrono::hours;
using std::chrono::minutes;

const base::Monotonic kStart = base::Monotonic() + hours(1000);

TEST(SeenConnections, counts_what_is_open) {
  SeenConnections seen;
  EXPECT_TRUE(seen.take("e1", Event::connect, "a", kStart));
  EXPECT_TRUE(seen.take("e2", Event::connect, "b", kStart));
  EXPECT_EQ(seen.open(kStart), 2u);
  EXPECT_TRUE(seen.take("e3", Event::disconnect, "a", kStart));
  EXPECT_EQ(seen.open(kStart), 1u);
}

TEST(SeenConnections, an_event_counts_once) {
  SeenConnections seen;
  EXPECT_TRUE(seen.take("e1", Event::connect, "a", kStart));
  EXPECT_TRUE(seen.take("e2", Event::disconnect, "a", kStart));
  EXPECT_FALSE(seen.take("e1", Event::connect, "a", kStart + minutes(14)));
  EXPECT_EQ(seen.open(kStart), 0u);
}

TEST(SeenConnections, a_disconnect_that_comes_first_counts) {
  SeenConnections seen;
  EXPECT_TRUE(seen.take("e2", Event::disconnect, "a", kStart));
  EXPECT_TRUE(seen.take("e1", Event::connect, "a", kStart));
  EXPECT_EQ(seen.open(kStart), 0u);
}

TEST(SeenConnections, are_forgotten_after_a_day) {
  SeenConnections seen;
  seen.take("e1", Event::connect, "a", kStart);
  EXPECT_EQ(seen.open(kStart + hours(24) - minutes(1)), 1u);
  EXPECT_EQ(seen.open(kStart + hours(24)), 0u);
}

TEST(SeenConnections, are_bounded) {
  SeenConnections seen;
  for (std::size_t i = 0; i < SeenConnections::kMaxOpen + 10; ++i)
    seen.take("e" + std::to_string(i), Event::connect, "c" + std::to_string(i), kStart);
  EXPECT_EQ(seen.open(kStart), SeenConnections::kMaxOpen);
}

TEST(RecentIds, the_oldest_goes_first_and_each_after_its_time) {
  RecentIds ids(2, minutes(10));
  EXPECT_TRUE(ids.insert("a", kStart));
  EXPECT_TRUE(ids.insert("b", kStart + minutes(1)));
  EXPECT_FALSE(ids.insert("a", kStart + minutes(2)));
  EXPECT_TRUE(ids.insert("c", kStart + minutes(3)));
  EXPECT_TRUE(ids.insert("a", kStart + minutes(4))) << "the oldest was forgotten";
  EXPECT_FALSE(ids.erase("b", kStart + minutes(4)));
  EXPECT_EQ(ids.size(kStart + minutes(13)), 1u);
  EXPECT_TRUE(ids.erase("a", kStart + minutes(13)));
  EXPECT_EQ(ids.size(kStart + minutes(13)), 0u);
}

}  // namespace
}  // namespace carillon::comments_api
