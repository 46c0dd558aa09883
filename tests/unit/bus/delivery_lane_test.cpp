#include "bus/delivery_lane.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::bus {
namespace {

using base::Monotonic;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Offered = DeliveryLane::Offered;
using Step = DeliveryLane::Step;

constexpr std::size_t kFull = 100;
const Monotonic kStart{};

DeliveryLane::Limits limits() {
  return {.max_outbound_bytes = kFull,
          .max_parked_frames = 4,
          .retry = {.max_attempts = 3, .base = milliseconds(100)}};
}

DeliveryLane make(DeliveryLane::Limits with = limits()) {
  return {with, model::UserId("alice"), model::ConnectionId("conn-1")};
}

DeliveryLane::Frame frame(ports::DeliveryId delivery, std::uint32_t bytes = 20, const char* chat = "c") {
  auto run = std::make_shared<ports::DeliveryRun>();
  run->target = model::Target::chat(chat);
  run->frames.assign(bytes, 'x');
  run->index = {{delivery, bytes}};
  return {run, 0, bytes};
}

std::vector<ports::DeliveryId> sent(const Step& step) {
  std::vector<ports::DeliveryId> found;
  found.reserve(step.send.size());
  for (const auto& each : step.send) found.push_back(each.delivery());
  return found;
}

struct Changes {
  std::vector<ports::DeliveryId> delivered, gone, failed;
};

Changes changes(const std::vector<ports::DeliveryOutcome>& outcomes) {
  Changes found;
  for (const auto& each : outcomes) {
    EXPECT_FALSE(each.first);
    EXPECT_EQ(each.waiting, -1);
    EXPECT_EQ(each.delivered + each.gone + each.failed.size(), 1u);
    if (each.delivered) found.delivered.push_back(each.delivery);
    EXPECT_EQ(each.users != nullptr, each.delivered > 0);
    if (each.users) EXPECT_THAT(*each.users, ElementsAre(model::UserId("alice")));
    if (each.gone) found.gone.push_back(each.delivery);
    if (each.failed.empty()) continue;
    found.failed.push_back(each.delivery);
    EXPECT_EQ(each.failed[0].user, model::UserId("alice"));
    EXPECT_EQ(each.failed[0].connection, model::ConnectionId("conn-1"));
    EXPECT_EQ(each.failed[0].reason, "outbound buffer full");
  }
  return found;
}

TEST(DeliveryLane, ATakenFrameThatFitsDoesNotWait) {
  auto lane = make();
  Step step;
  EXPECT_EQ(lane.offer(frame(1), 80, kStart, 0, step), Offered::accepted);
  EXPECT_THAT(sent(step), ElementsAre(1));
  EXPECT_THAT(step.changes, IsEmpty());
  EXPECT_TRUE(lane.empty());
  EXPECT_EQ(lane.offer(frame(2), 81, kStart, 0, step), Offered::waiting);
  EXPECT_FALSE(lane.empty());
}

TEST(DeliveryLane, ExactlyThreeAttemptsThenFailedAndClosed) {
  auto lane = make();
  Step step;
  EXPECT_EQ(lane.offer(frame(1), kFull, kStart, 0, step), Offered::waiting);
  EXPECT_EQ(lane.offer(frame(2), kFull, kStart, 0, step), Offered::waiting);
  EXPECT_EQ(lane.failed_attempts(), 1);
  const auto second = lane.due();
  EXPECT_EQ(second, kStart + milliseconds(50));
  lane.retry(kFull, second - milliseconds(1), 0, step);
  EXPECT_EQ(lane.failed_attempts(), 1) << "before its time nothing happens";
  lane.retry(kFull, second, 0, step);
  EXPECT_EQ(lane.failed_attempts(), 2);
  EXPECT_EQ(lane.due(), second + milliseconds(100)) << "the next wait is twice as long";
  EXPECT_FALSE(step.close);
  EXPECT_THAT(step.changes, IsEmpty());
  lane.retry(kFull, lane.due(), 0, step);
  EXPECT_TRUE(step.close);
  EXPECT_THAT(changes(step.changes).failed, ElementsAre(1)) << "one dead letter";
  EXPECT_THAT(changes(step.changes).gone, ElementsAre(2)) << "what was parked is gone";
  EXPECT_THAT(step.send, IsEmpty());
  EXPECT_TRUE(lane.empty());
  EXPECT_EQ(lane.offer(frame(3), 0, kStart, 0, step), Offered::gone);
}

TEST(DeliveryLane, LaterFramesWaitBehindTheFailingOneThoughTheyWouldFit) {
  auto lane = make();
  Step step;
  lane.offer(frame(1, 60), 50, kStart, 0, step);
  EXPECT_EQ(lane.offer(frame(2, 10), 50, kStart, 0, step), Offered::waiting);
  EXPECT_EQ(lane.offer(frame(3, 10), 0, kStart, 0, step), Offered::waiting) << "one retry clock";
  EXPECT_THAT(step.send, IsEmpty());
  lane.retry(0, lane.due(), 0, step);
  EXPECT_THAT(sent(step), ElementsAre(1, 2, 3));
  EXPECT_THAT(changes(step.changes).delivered, ElementsAre(1, 2, 3));
  EXPECT_TRUE(lane.empty());
  EXPECT_EQ(lane.parked_bytes(), 0u);
}

TEST(DeliveryLane, WhatDoesNotFitWhileFlushingIsTheNextToFail) {
  auto lane = make();
  Step step;
  for (ports::DeliveryId each = 1; each <= 4; ++each) lane.offer(frame(each), kFull, kStart, 0, step);
  lane.retry(kFull, lane.due(), 0, step);
  EXPECT_EQ(lane.failed_attempts(), 2);
  const auto now = lane.due();
  lane.retry(kFull - 45, now, 0, step);
  EXPECT_THAT(sent(step), ElementsAre(1, 2));
  EXPECT_EQ(lane.failed_attempts(), 1) << "the third has three attempts of its own";
  EXPECT_EQ(lane.due(), now + milliseconds(50));
  EXPECT_EQ(lane.parked_frames(), 1u);
  EXPECT_EQ(lane.parked_bytes(), 20u);
}

TEST(DeliveryLane, OverItsBoundTheConnectionIsGivenUp) {
  for (const bool by_bytes : {true, false}) {
    auto lane = make();
    Step step;
    lane.offer(frame(1), kFull, kStart, 0, step);
    const std::uint32_t bytes = by_bytes ? 50 : 1;
    const ports::DeliveryId last = by_bytes ? 4 : 6;
    for (ports::DeliveryId each = 2; each < last; ++each)
      EXPECT_EQ(lane.offer(frame(each, bytes), kFull, kStart, 0, step), Offered::waiting);
    EXPECT_EQ(lane.offer(frame(last, bytes), kFull, kStart, 0, step), Offered::gone);
    EXPECT_TRUE(step.close);
    EXPECT_THAT(changes(step.changes).failed, ElementsAre(1));
    EXPECT_EQ(changes(step.changes).gone.size(), last - 2) << "the last was never waiting";
    EXPECT_TRUE(lane.empty());
  }
}

TEST(DeliveryLane, OverItsBoundAConnectionThatHasCaughtUpGoesOn) {
  auto lane = make();
  Step step;
  lane.offer(frame(1), kFull, kStart, 0, step);
  lane.offer(frame(2, 50), kFull, kStart, 0, step);
  lane.offer(frame(3, 50), kFull, kStart, 0, step);
  EXPECT_EQ(lane.offer(frame(4, 50), 0, kStart, 0, step), Offered::waiting);
  EXPECT_THAT(sent(step), ElementsAre(1, 2)) << "order holds";
  EXPECT_FALSE(step.close);
  EXPECT_EQ(lane.failed_attempts(), 1);
  EXPECT_EQ(lane.parked_frames(), 1u);
}

TEST(DeliveryLane, AfterCatchingUpTheOfferedFrameMayGoStraightIn) {
  auto lane = make();
  Step step;
  lane.offer(frame(1, 10), kFull, kStart, 0, step);
  for (ports::DeliveryId each = 2; each <= 5; ++each) lane.offer(frame(each, 10), kFull, kStart, 0, step);
  EXPECT_EQ(lane.offer(frame(6, 10), 0, kStart, 0, step), Offered::accepted);
  EXPECT_THAT(sent(step), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(changes(step.changes).delivered, ElementsAre(1, 2, 3, 4, 5)) << "the offered one is no change";
  EXPECT_TRUE(lane.empty());
}

TEST(DeliveryLane, DroppingATargetTakesItsFramesOut) {
  auto lane = make();
  Step step;
  lane.offer(frame(1, 20, "keep"), kFull, kStart, 0, step);
  lane.offer(frame(2, 20, "drop"), kFull, kStart, 0, step);
  lane.offer(frame(3, 20, "keep"), kFull, kStart, 0, step);
  const auto due = lane.due();
  lane.drop(model::Target::chat("drop"), 0, kStart, 0, step);
  EXPECT_THAT(changes(step.changes).gone, ElementsAre(2));
  EXPECT_THAT(step.send, IsEmpty()) << "the failing one still waits for its clock";
  EXPECT_EQ(lane.due(), due);
  EXPECT_EQ(lane.parked_bytes(), 20u);
  lane.retry(0, due, 0, step);
  EXPECT_THAT(sent(step), ElementsAre(1, 3));
}

TEST(DeliveryLane, DroppingTheFailingOneTriesTheNextAtOnce) {
  auto lane = make();
  Step step;
  lane.offer(frame(1, 20, "drop"), kFull, kStart, 0, step);
  lane.offer(frame(2, 20, "keep"), kFull, kStart, 0, step);
  lane.offer(frame(3, 20, "keep"), kFull, kStart, 0, step);
  lane.retry(kFull, lane.due(), 0, step);
  lane.drop(model::Target::chat("drop"), kFull - 30, kStart, 0, step);
  EXPECT_THAT(changes(step.changes).gone, ElementsAre(1));
  EXPECT_THAT(changes(step.changes).delivered, ElementsAre(2));
  EXPECT_THAT(sent(step), ElementsAre(2));
  EXPECT_EQ(lane.failed_attempts(), 1);
  EXPECT_EQ(lane.parked_frames(), 0u);
  step = {};
  lane.drop(model::Target::chat("keep"), kFull, kStart, 0, step);
  EXPECT_THAT(changes(step.changes).gone, ElementsAre(3));
  EXPECT_TRUE(lane.empty());
}

TEST(DeliveryLane, WhatWaitsWhenTheConnectionClosesIsGone) {
  auto lane = make();
  Step step;
  lane.offer(frame(1), kFull, kStart, 0, step);
  lane.offer(frame(2), kFull, kStart, 0, step);
  lane.abandon(step.changes);
  EXPECT_THAT(changes(step.changes).gone, ElementsAre(1, 2));
  EXPECT_TRUE(lane.empty());
}

TEST(DeliveryLane, AnEphemeralFrameNeverWaits) {
  auto lane = make();
  Step step;
  EXPECT_EQ(lane.offer(frame(0), kFull, kStart, 0, step), Offered::gone);
  EXPECT_TRUE(lane.empty());
  EXPECT_EQ(lane.offer(frame(0), 0, kStart, 0, step), Offered::accepted);
  lane.offer(frame(1), kFull, kStart, 0, step);
  EXPECT_EQ(lane.offer(frame(0), 0, kStart, 0, step), Offered::gone);
  EXPECT_EQ(lane.parked_frames(), 0u);
}

TEST(DeliveryLane, WithOneAttemptTheFirstFailureIsTheLast) {
  auto with = limits();
  with.retry.max_attempts = 1;
  auto lane = make(with);
  Step step;
  EXPECT_EQ(lane.offer(frame(1), kFull, kStart, 0, step), Offered::waiting);
  EXPECT_THAT(changes(step.changes).failed, ElementsAre(1));
  EXPECT_TRUE(step.close);
}

}  // namespace
}  // namespace carillon::bus
