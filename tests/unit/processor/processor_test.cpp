#include "processor/processor.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "model/websocket_frame.hpp"

namespace carillon::processor {
namespace {

using bus::kWebSocketFifoQueue;
using bus::kWebSocketStandardQueue;
using model::Target;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Loops by target id; none for one that is not named.
struct Holders : TargetHolders {
  std::map<std::string, LoopMask> loops;
  mutable int asked = 0;

  explicit Holders(std::map<std::string, LoopMask> of) : loops(std::move(of)) {}
  LoopMask loops_of(const Target& target) const override {
    ++asked;
    const auto at = loops.find(target.id);
    return at == loops.end() ? 0 : at->second;
  }
};

model::Position next_position = 1;

std::shared_ptr<model::Message> message(const std::string& chat, const std::string& group = {}) {
  auto made = std::make_shared<model::Message>();
  made->type = group.empty() ? model::MessageType::standard : model::MessageType::fifo;
  made->target = Target::chat(chat);
  made->group_id = group;
  made->event_type = "chat";
  made->payload = "{}";
  made->sender = model::UserId("alice");
  made->position = next_position++;
  made->published_at = static_cast<base::EpochMs>(made->position) * 10;
  return made;
}

QueuedItem item(std::shared_ptr<model::Message> made) {
  return {made->type == model::MessageType::fifo ? kWebSocketFifoQueue : kWebSocketStandardQueue,
          std::move(made)};
}

/// The frame a message should have, and the frames a run has.
std::string frame_of(const model::Message& message, base::EpochMs now) {
  std::string event, out;
  model::append_event(event, message, now);
  model::append_frame(out, model::Opcode::text, event);
  return out;
}

ports::DeliveryOutcome first(ports::DeliveryId delivery, std::uint32_t delivered, std::int32_t waiting = 0,
                             std::uint32_t gone = 0) {
  return {.delivery = delivery, .first = true, .delivered = delivered, .gone = gone, .waiting = waiting};
}

ports::DeliveryOutcome change(ports::DeliveryId delivery, const char* failed = nullptr) {
  ports::DeliveryOutcome made{.delivery = delivery, .first = false, .waiting = -1};
  if (failed) {
    made.failed.push_back({model::UserId(failed), model::ConnectionId("c"), "full"});
  } else {
    made.delivered = 1;
  }
  return made;
}

std::vector<SettledDelivery> answer(Processor& processor, ports::LoopIndex loop,
                                    std::vector<ports::DeliveryOutcome> outcomes) {
  std::vector<SettledDelivery> settled;
  processor.on_outcomes(loop, std::move(outcomes), settled);
  return settled;
}

TEST(Processor, JoinsMessagesForOneTargetIntoOneSharedRun) {
  Processor processor(3, 2);
  const Holders holders({{"a", 0b11}, {"b", 0b10}});
  const std::vector<QueuedItem> items{item(message("a", "a")), item(message("b")), item(message("a", "a")),
                                      item(message("a"))};
  const auto dispatch = processor.dispatch(items, holders, 777);
  EXPECT_THAT(dispatch.settled, IsEmpty());
  ASSERT_EQ(dispatch.runs.size(), 2u);
  ASSERT_EQ(dispatch.runs[0].size(), 1u);
  ASSERT_EQ(dispatch.runs[1].size(), 2u);
  EXPECT_EQ(dispatch.runs[0][0], dispatch.runs[1][0]) << "one buffer for all loops";
  const ports::DeliveryRun& run = *dispatch.runs[0][0];
  EXPECT_EQ(run.target, Target::chat("a"));
  EXPECT_EQ(run.frames, frame_of(*items[0].message, 777) + frame_of(*items[2].message, 777) +
                            frame_of(*items[3].message, 777));
  ASSERT_EQ(run.index.size(), 3u);
  EXPECT_EQ(run.index[0].end, frame_of(*items[0].message, 777).size());
  EXPECT_EQ(run.index[2].end, run.frames.size());
  EXPECT_EQ(dispatch.runs[1][1]->target, Target::chat("b"));
  EXPECT_EQ(holders.asked, 2) << "once per target";
  EXPECT_EQ(processor.in_flight(), 4u);
}

TEST(Processor, ABroadcastsFrameIsItsPayload) {
  Processor processor(3, 1);
  const Holders holders({{"a", 1}});
  const auto before = message("a"), broadcast = message("a");
  broadcast->broadcast = true;
  broadcast->payload = R"({ "type":"news","data":1 })";
  const std::vector<QueuedItem> items{item(before), item(broadcast), item(message("a"))};
  const auto dispatch = processor.dispatch(items, holders, 777);
  ASSERT_EQ(dispatch.runs[0].size(), 1u) << "it joins the others";
  std::string frame;
  model::append_frame(frame, model::Opcode::text, broadcast->payload);
  EXPECT_EQ(dispatch.runs[0][0]->frames,
            frame_of(*items[0].message, 777) + frame + frame_of(*items[2].message, 777));
  EXPECT_EQ(processor.in_flight(), 3u) << "and is followed like any other";
}

TEST(Processor, AGroupOverSeveralTargetsKeepsItsOrder) {
  Processor processor(3, 1);
  const Holders holders({{"a", 1}, {"b", 1}});
  const std::vector<QueuedItem> items{item(message("a", "g")), item(message("b", "g")),
                                      item(message("a", "g")), item(message("b", "other"))};
  const auto dispatch = processor.dispatch(items, holders, 1);
  std::vector<std::string> targets;
  for (const auto& run : dispatch.runs[0]) targets.push_back(run->target.id);
  EXPECT_THAT(targets, ElementsAre("a", "b", "a"));
  EXPECT_EQ(dispatch.runs[0][1]->index.size(), 2u) << "another group still joins";
}

TEST(Processor, OtherRecipientsMeanAnotherRun) {
  Processor processor(3, 1);
  const Holders holders({{"a", 1}});
  const auto plain = message("a", "a");
  auto excluding = message("a", "a");
  excluding->exclude_sender = true;
  auto redriven = message("a", "a");
  redriven->redrive = model::Message::Redrive{"WebSocketFifoQueue", {model::UserId("bob")}};
  const std::vector<QueuedItem> items{item(plain), item(excluding), item(redriven), item(message("a", "a"))};
  const auto runs = processor.dispatch(items, holders, 1).runs[0];
  ASSERT_EQ(runs.size(), 4u);
  EXPECT_TRUE(runs[0]->except.empty() && runs[0]->only.empty());
  EXPECT_EQ(runs[1]->except, model::UserId("alice"));
  EXPECT_THAT(runs[1]->only, IsEmpty());
  EXPECT_THAT(runs[2]->only, ElementsAre(model::UserId("bob")));
  EXPECT_TRUE(runs[2]->except.empty());
  EXPECT_TRUE(runs[3]->except.empty() && runs[3]->only.empty());
}

TEST(Processor, RunsAreBounded) {
  const std::size_t frame = frame_of(*message("a"), 1).size();
  Processor processor(3, 1, 2 * frame + 15);
  const Holders holders({{"a", 1}});
  std::vector<QueuedItem> items;
  items.reserve(6);
  for (int at = 0; at < 5; ++at) items.push_back(item(message("a")));
  auto large = message("a");
  large->payload = "{\"content\":\"" + std::string(4 * frame, 'x') + "\"}";
  items.push_back(item(large));
  std::vector<std::size_t> sizes;
  for (const auto& run : processor.dispatch(items, holders, 1).runs[0]) sizes.push_back(run->index.size());
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1, 1));
}

TEST(Processor, NobodyThereIsUndeliveredAtOnce) {
  Processor processor(3, 1);
  const auto dispatch = processor.dispatch(std::vector{item(message("nobody", "g"))}, Holders({}), 1);
  ASSERT_EQ(dispatch.settled.size(), 1u);
  EXPECT_EQ(dispatch.settled[0].result, DeliveryResult::undelivered);
  EXPECT_EQ(dispatch.settled[0].queue, kWebSocketFifoQueue);
  EXPECT_FALSE(dispatch.settled[0].is_dead_letter());
  EXPECT_THAT(dispatch.runs[0], IsEmpty());
  EXPECT_EQ(processor.depth(kWebSocketFifoQueue), 0u);
  EXPECT_FALSE(processor.low_watermark(kWebSocketFifoQueue));
}

TEST(Processor, SettlesWhenEveryLoopHasAnsweredAndNobodyWaits) {
  Processor processor(3, 2);
  const auto made = message("a", "a");
  const auto dispatch = processor.dispatch(std::vector{item(made)}, Holders({{"a", 0b11}}), 1);
  const auto delivery = dispatch.runs[0][0]->index[0].delivery;
  EXPECT_EQ(processor.low_watermark(kWebSocketFifoQueue), made->position);
  EXPECT_EQ(processor.oldest(kWebSocketFifoQueue), made->published_at);
  EXPECT_THAT(processor.peek(kWebSocketFifoQueue, 5), ElementsAre(made));
  EXPECT_THAT(processor.peek(kWebSocketFifoQueue, 0), IsEmpty());
  EXPECT_THAT(answer(processor, 0, {first(delivery, 3, 1)}), IsEmpty());
  EXPECT_THAT(answer(processor, 0, {first(delivery, 3, 1)}), IsEmpty()) << "a repeated answer counts once";
  EXPECT_THAT(answer(processor, 1, {first(delivery, 2, 0, 1)}), IsEmpty());
  const auto settled = answer(processor, 0, {change(delivery)});
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_EQ(settled[0].result, DeliveryResult::delivered);
  EXPECT_EQ(settled[0].delivered, 6u);
  EXPECT_EQ(settled[0].gone, 1u);
  EXPECT_EQ(settled[0].message, made);
  EXPECT_EQ(processor.in_flight(), 0u);
  EXPECT_FALSE(processor.low_watermark(kWebSocketFifoQueue));
  EXPECT_THAT(answer(processor, 1, {first(delivery, 1)}), IsEmpty()) << "it is over";
}

TEST(Processor, AChangeMayOvertakeTheFirstAnswer) {
  Processor processor(3, 1);
  const auto dispatch = processor.dispatch(std::vector{item(message("a"))}, Holders({{"a", 1}}), 1);
  const auto delivery = dispatch.runs[0][0]->index[0].delivery;
  EXPECT_THAT(answer(processor, 0, {change(delivery)}), IsEmpty());
  EXPECT_EQ(answer(processor, 0, {first(delivery, 0, 1)}).size(), 1u);
}

TEST(Processor, ADeadLetterIsUnsettledUntilItIsDurable) {
  Processor processor(3, 1);
  const auto made = message("a", "a");
  const auto dispatch = processor.dispatch(std::vector{item(made)}, Holders({{"a", 1}}), 1);
  const auto delivery = dispatch.runs[0][0]->index[0].delivery;
  answer(processor, 0, {first(delivery, 1, 1)});
  const auto settled = answer(processor, 0, {change(delivery, "bob")});
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_EQ(settled[0].result, DeliveryResult::partial_failure);
  EXPECT_TRUE(settled[0].is_dead_letter());
  EXPECT_EQ(settled[0].delivery, delivery);
  ASSERT_EQ(settled[0].failed.size(), 1u);
  EXPECT_EQ(settled[0].failed[0].user, model::UserId("bob"));
  EXPECT_EQ(processor.in_flight(kWebSocketFifoQueue), 0u);
  EXPECT_EQ(processor.depth(kWebSocketFifoQueue), 1u);
  EXPECT_EQ(processor.low_watermark(kWebSocketFifoQueue), made->position);
  EXPECT_THAT(answer(processor, 0, {change(delivery, "bob")}), IsEmpty());
  EXPECT_TRUE(processor.dead_lettered(delivery));
  EXPECT_FALSE(processor.dead_lettered(delivery));
  EXPECT_EQ(processor.depth(kWebSocketFifoQueue), 0u);
}

std::vector<std::string> names(const ports::UserListPtr& users) {
  std::vector<std::string> found;
  if (users)
    for (const model::UserId& each : *users) found.push_back(each.str());
  return found;
}

ports::UserListPtr list(std::initializer_list<const char*> users) {
  std::vector<model::UserId> made;
  for (const char* each : users) made.emplace_back(each);
  return std::make_shared<const std::vector<model::UserId>>(std::move(made));
}

TEST(Processor, NamesOfAllLoopsAndRetriesAreJoined) {
  Processor processor(3, 2);
  const auto a = message("a"), b = message("a");
  const auto dispatch = processor.dispatch(std::vector{item(a), item(b)}, Holders({{"a", 0b11}}), 1);
  const auto with = [](ports::DeliveryOutcome outcome, ports::UserListPtr users) {
    outcome.users = std::move(users);
    return outcome;
  };
  const auto& index = dispatch.runs[0][0]->index;
  const auto one = list({"ann", "bob"}), two = list({"bob", "cid"});
  answer(processor, 0, {with(first(index[0].delivery, 2), one), with(first(index[1].delivery, 2, 1), one)});
  EXPECT_THAT(names(processor.find(kWebSocketStandardQueue, a->position)->users), ElementsAre("ann", "bob"));
  auto settled =
      answer(processor, 1, {with(first(index[0].delivery, 2), two), with(first(index[1].delivery, 2), two)});
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_THAT(names(settled[0].users), ElementsAre("ann", "bob", "cid"));
  const auto shared = settled[0].users;
  const auto progress = processor.find(kWebSocketStandardQueue, b->position);
  EXPECT_EQ(progress->delivered, 4u);
  EXPECT_EQ(progress->users, shared) << "messages of one run share the joined list too";
  settled = answer(processor, 0, {with(change(index[1].delivery), list({"dan"}))});
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_THAT(names(settled[0].users), ElementsAre("ann", "bob", "cid", "dan"));
  EXPECT_FALSE(processor.find(kWebSocketStandardQueue, b->position));
  EXPECT_FALSE(processor.find(kWebSocketFifoQueue, b->position));
}

TEST(Processor, NoMoreThanTheFirstUsersAreNamed) {
  Processor processor(3, 3);
  const auto delivery = processor.dispatch(std::vector{item(message("a"))}, Holders({{"a", 0b111}}), 1)
                            .runs[0][0]
                            ->index[0]
                            .delivery;
  std::vector<SettledDelivery> settled;
  for (ports::LoopIndex loop = 0; loop < 3; ++loop) {
    std::vector<model::UserId> users;
    for (int n = 0; n < 20; ++n) users.emplace_back(std::to_string(loop) + "-" + std::to_string(n));
    auto outcome = first(delivery, 20);
    outcome.users = std::make_shared<const std::vector<model::UserId>>(std::move(users));
    settled = answer(processor, loop, {std::move(outcome)});
  }
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_EQ(settled[0].delivered, 60u);
  ASSERT_EQ(settled[0].users->size(), ports::kMaxNamedUsers);
  EXPECT_EQ(settled[0].users->back().str(), "1-11");
}

TEST(Processor, WhatASettledDeadLetterDeliveredIsNotToldAgain) {
  Processor processor(3, 1);
  const auto made = message("a", "a");
  const auto delivery =
      processor.dispatch(std::vector{item(made)}, Holders({{"a", 1}}), 1).runs[0][0]->index[0].delivery;
  auto outcome = first(delivery, 1, 1);
  outcome.users = list({"ann"});
  answer(processor, 0, {std::move(outcome)});
  const auto settled = answer(processor, 0, {change(delivery, "bob")});
  EXPECT_EQ(settled.at(0).delivered, 1u);
  EXPECT_THAT(names(settled.at(0).users), ElementsAre("ann"));
  const auto left = processor.find(kWebSocketFifoQueue, made->position);
  ASSERT_TRUE(left) << "its dead letter is not durable yet";
  EXPECT_EQ(left->delivered, 0u);
  EXPECT_FALSE(left->users);
}

TEST(Processor, RemembersWhenADeliveryWasHandedOver) {
  Processor processor(3, 1);
  const base::Monotonic handed_over = base::Monotonic{} + std::chrono::seconds(5);
  const auto made = processor.dispatch(std::vector{item(message("a")), item(message("nobody"))},
                                       Holders({{"a", 1}}), 1, handed_over);
  ASSERT_EQ(made.settled.size(), 1u);
  EXPECT_EQ(made.settled[0].handed_over, base::Monotonic{}) << "there was nobody to hand it to";
  const auto settled = answer(processor, 0, {first(made.runs[0][0]->index[0].delivery, 1)});
  EXPECT_EQ(settled.at(0).handed_over, handed_over);
}

TEST(Processor, ResultsByWhoGotIt) {
  const auto result_of = [](std::vector<ports::DeliveryOutcome> outcomes) {
    Processor processor(3, 1);
    const auto dispatch = processor.dispatch(std::vector{item(message("a"))}, Holders({{"a", 1}}), 1);
    for (auto& each : outcomes) each.delivery = dispatch.runs[0][0]->index[0].delivery;
    return answer(processor, 0, std::move(outcomes)).at(0).result;
  };
  EXPECT_EQ(result_of({first(0, 0)}), DeliveryResult::undelivered);
  EXPECT_EQ(result_of({first(0, 0, 0, 2)}), DeliveryResult::undelivered);
  EXPECT_EQ(result_of({first(0, 1, 0, 2)}), DeliveryResult::delivered);
  EXPECT_EQ(result_of({first(0, 0, 1), change(0, "bob")}), DeliveryResult::failed);
  EXPECT_EQ(result_of({first(0, 1, 1), change(0, "bob")}), DeliveryResult::partial_failure);
}

TEST(Processor, OutcomesOfDeliveriesThatItDoesNotKnowAreIgnored) {
  Processor processor(3, 1);
  EXPECT_THAT(answer(processor, 0, {first(0, 1), first(1, 1), first(~0ull, 1), change(1ull << 32, "x")}),
              IsEmpty());
  const Holders holders({{"a", 1}});
  const auto old =
      processor.dispatch(std::vector{item(message("a"))}, holders, 1).runs[0][0]->index[0].delivery;
  EXPECT_EQ(answer(processor, 0, {first(old, 1)}).size(), 1u);
  const auto next =
      processor.dispatch(std::vector{item(message("a"))}, holders, 1).runs[0][0]->index[0].delivery;
  EXPECT_NE(old, next);
  EXPECT_THAT(answer(processor, 0, {first(old, 1)}), IsEmpty());
  EXPECT_EQ(answer(processor, 0, {first(next, 1)}).size(), 1u);
}

TEST(Processor, AnEphemeralMessageLeavesNoTrace) {
  Processor processor(3, 1);
  auto made = message("a");
  made->type = model::MessageType::ephemeral;
  made->position = 0;
  const std::vector<QueuedItem> items{{bus::kNoQueue, made}, item(message("a"))};
  const auto dispatch = processor.dispatch(items, Holders({{"a", 1}}), 1);
  ASSERT_EQ(dispatch.runs[0].size(), 1u);
  EXPECT_EQ(dispatch.runs[0][0]->index[0].delivery, 0u);
  EXPECT_NE(dispatch.runs[0][0]->index[1].delivery, 0u);
  EXPECT_EQ(processor.in_flight(), 1u);
  const auto nobody = processor.dispatch(std::vector{QueuedItem{bus::kNoQueue, made}}, Holders({}), 1);
  EXPECT_THAT(nobody.settled, IsEmpty());
}

/// Whatever the mixture of targets, groups and exclusions: reading a loop's runs in their order gives every
/// message once, and each group's and each target's messages in the order given.
TEST(Processor, OrderSurvivesJoining) {
  rc::check([](const std::vector<std::uint16_t>& choices) {
    Processor processor(3, 3, 2000);
    const Holders holders({{"t0", 0b001}, {"t1", 0b011}, {"t2", 0b111}, {"t3", 0}});
    std::vector<QueuedItem> items;
    for (const std::uint16_t choice : choices) {
      auto made = message("t" + std::to_string(choice % 4),
                          choice % 3 == 0 ? "" : "g" + std::to_string(choice / 4 % 3));
      made->exclude_sender = choice % 7 == 0;
      items.push_back(item(std::move(made)));
    }
    const auto dispatch = processor.dispatch(items, holders, 5);
    for (ports::LoopIndex loop = 0; loop < 3; ++loop) {
      std::map<std::string, model::Position> last;
      std::size_t frames = 0, expected = 0;
      for (const auto& queued : items)
        expected += (holders.loops.at(queued.message->target.id) >> loop & 1) ? 1 : 0;
      std::map<std::string, const model::Message*> by_frame;
      for (const auto& queued : items) by_frame[frame_of(*queued.message, 5)] = queued.message.get();
      for (const auto& run : dispatch.runs[loop]) {
        std::uint32_t begin = 0;
        for (const auto& each : run->index) {
          const model::Message& sent = *by_frame.at(run->frames.substr(begin, each.end - begin));
          begin = each.end;
          ++frames;
          RC_ASSERT(sent.target == run->target);
          RC_ASSERT(sent.exclude_sender == !run->except.empty());
          if (sent.type == model::MessageType::fifo) {
            RC_ASSERT(last["g" + sent.group_id] < sent.position);
            last["g" + sent.group_id] = sent.position;
          }
          RC_ASSERT(last["t" + sent.target.id] < sent.position);
          last["t" + sent.target.id] = sent.position;
        }
        RC_ASSERT(begin == run->frames.size());
      }
      RC_ASSERT(frames == expected);
    }
  });
}

}  // namespace
}  // namespace carillon::processor
