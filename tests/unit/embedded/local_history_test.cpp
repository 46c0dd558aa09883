#include "unit/embedded/local_history_fixture.hpp"

namespace carillon::embedded::testing {
namespace {

TEST_F(LocalHistoryTest, ReadWaitsForWhatWasAnsweredBefore) {
  start();
  close_gate();
  publish(sample_message(1));
  auto waiting = page_later(root(), chat_);
  EXPECT_TRUE(waits(waiting));
  open_gate();
  const auto read = waiting.get();
  ASSERT_TRUE(read);
  EXPECT_EQ(positions(read->messages), std::vector<Position>{1});
}

TEST_F(LocalHistoryTest, ReadThatWaitsTooLongIsRefused) {
  start({.patience = std::chrono::milliseconds(30)});
  close_gate();
  publish(sample_message(1));
  std::vector<std::future<base::Result<HistoryPage>>> late;
  for (int i = 0; i < 5; ++i) late.push_back(page_later(root(), chat_));
  for (auto& each : late) {
    const auto refused = each.get();
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errors::kOverloaded));
    EXPECT_EQ(refused.error().retry_after_ms(), 1000);
  }
  open_gate();
  const base::Monotonic deadline = base::monotonic_now() + std::chrono::seconds(20);
  while (!page(root(), chat_)) ASSERT_LT(base::monotonic_now(), deadline);
}

TEST_F(LocalHistoryTest, TooManyReadsAreRefused) {
  start({.reads = 2, .patience = std::chrono::seconds(30)});
  close_gate();
  publish(sample_message(1));
  auto first = page_later(root(), chat_), second = page_later(root(), chat_);
  const auto third = page(root(), chat_);
  ASSERT_FALSE(third);
  EXPECT_TRUE(third.error().is(errors::kOverloaded));
  open_gate();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  const base::Monotonic deadline = base::monotonic_now() + std::chrono::seconds(20);
  while (!page(root(), chat_)) ASSERT_LT(base::monotonic_now(), deadline);
}

TEST_F(LocalHistoryTest, StopAnswersWhatWaits) {
  start({.patience = std::chrono::seconds(30)});
  close_gate();
  publish(sample_message(1));
  auto waiting = page_later(root(), chat_);
  EXPECT_TRUE(waits(waiting));
  history_->stop();
  for (auto& future : {&waiting}) {
    const auto refused = future->get();
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errors::kUnavailable));
  }
  const auto after = page(root(), chat_);
  ASSERT_FALSE(after);
  EXPECT_TRUE(after.error().is(errors::kUnavailable));
}

TEST_F(LocalHistoryTest, RefusedBeforeAnythingIsWaitedFor) {
  start({.patience = std::chrono::seconds(30)});
  close_gate();
  publish(sample_message(1));
  for (const std::string chat : {"chat-1", "no-such-chat"}) {
    const auto refused = page(person("eve"), Target::chat(chat));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errors::kNoChatAccess));
    EXPECT_TRUE(refused.error().members().empty());
    const auto numbers = sequences(person("eve"), chat, {1, 1});
    ASSERT_FALSE(numbers);
    EXPECT_TRUE(numbers.error().is(errors::kNoChatAccess));
  }
}

TEST_F(LocalHistoryTest, RightThatGoesWhileTheReadWaitsCounts) {
  start({.patience = std::chrono::seconds(30)});
  grant("bob", chat_);
  EXPECT_TRUE(page(person("bob"), chat_));
  close_gate();
  publish(sample_message(1));
  auto waiting = page_later(person("bob"), chat_);
  EXPECT_TRUE(waits(waiting));
  revoke("bob", chat_);
  open_gate();
  const auto refused = waiting.get();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errors::kNoChatAccess));
  EXPECT_FALSE(page(person("bob"), chat_));
  EXPECT_FALSE(sequences(person("bob"), "chat-1", {1, 1}));
}

TEST_F(LocalHistoryTest, WhoMayReadWhat) {
  start();
  auto member = std::make_shared<Identity>();
  member->user = UserId("bob");
  member->orgs = {"acme"};
  member->hubs = {"h"};
  member->projects = {"p"};
  const Target acme{TargetClass::org, "acme"}, hub{TargetClass::hub, "h"}, project{TargetClass::project, "p"};
  for (const Target& target : {acme, hub, project, Target::user("bob")}) EXPECT_TRUE(page(member, target));
  const std::vector<std::pair<Target, const base::ErrorEntry*>> refusals{
      {Target::user("ann"), &errors::kNoUserAccess},
      {Target::all(), &errors::kNoAllAccess},
      {chat_, &errors::kNoChatAccess},
      {Target::chat("acme"), &errors::kNoChatAccess},
      {{TargetClass::org, "other"}, &errors::kNoOrgAccess},
      {{TargetClass::hub, "acme"}, &errors::kNoHubAccess},
      {{TargetClass::project, "h"}, &errors::kNoProjectAccess}};
  for (const auto& [target, entry] : refusals) {
    const auto refused = page(member, target);
    ASSERT_FALSE(refused) << target.str();
    EXPECT_TRUE(refused.error().is(*entry)) << target.str();
    EXPECT_TRUE(page(root(), target)) << target.str();
  }
  for (const auto& [target, entry] : refusals) {
    if (target.target_class == TargetClass::user || target.target_class == TargetClass::all) continue;
    for (const Role role : {Role::viewer, Role::member, Role::admin, Role::owner}) {
      grant("bob", target, role);
      EXPECT_TRUE(page(member, target)) << target.str();
    }
  }
  // An entry for an inbox, should there ever be one, opens none.
  grant("bob", Target::user("ann"), Role::owner);
  EXPECT_FALSE(page(member, Target::user("ann")));
}

TEST_F(LocalHistoryTest, NumbersIssuedBeforeTheCallAreStoredOrGivenUp) {
  start();
  for (Position position = 1; position <= 5; ++position) publish(sample_message(position));
  const auto read = sequences(root(), "chat-1", {4, 7});
  ASSERT_TRUE(read);
  EXPECT_EQ(positions(read->messages), (std::vector<Position>{4, 5}));
  EXPECT_EQ(read->missing, (std::vector<ports::MissingNumber>{{6, ports::Absence::not_issued},
                                                              {7, ports::Absence::not_issued}}));
}

/// The counter is in the store a moment before the bus knows of the message's position.
TEST_F(LocalHistoryTest, NumberThatTheBusHasNotAnnouncedIsNotGivenUp) {
  start({.patience = std::chrono::milliseconds(50)});
  const model::Message message = sample_message(1);
  commit([&](CommitBatch& batch) {
    batch.add_message(message);
    batch.set_sequence("chat-1", 1);
  });
  const auto late = sequences(root(), "chat-1", {1, 1});
  ASSERT_FALSE(late);
  EXPECT_TRUE(late.error().is(errors::kOverloaded));
  last_ = 1;
  storage_->accept({std::make_shared<const model::Message>(message)});
  const auto read = sequences(root(), "chat-1", {1, 1});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->messages.size(), 1u);
}

TEST_F(LocalHistoryTest, OneMessageIsForThoseWhoMayReadItsTarget) {
  start();
  const model::Message stored = sample_message(1);
  publish(stored);
  grant("bob", chat_);
  const auto read = message(person("bob"), stored.id);
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)->payload, stored.payload);
  for (const auto& refused : {message(person("eve"), stored.id), message(person("eve"), sample_message(2).id),
                              message(root(), sample_message(2).id)}) {
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errors::kNotFound));
    EXPECT_TRUE(refused.error().details().empty());
  }
  now_ = kStart + 3'600'000 + 1;
  store_->set_retention({std::chrono::hours(1), {}});
  EXPECT_TRUE(message(root(), stored.id).error().is(errors::kNotFound));
}

TEST_F(LocalHistoryTest, TraceIsForTheSender) {
  start();
  const model::Message stored = sample_message(1);
  publish(stored);
  grant("bob", chat_, Role::owner);
  for (const IdentityPtr& asking : {person("alice"), root()}) {
    const auto traced = trace(asking, stored.id);
    ASSERT_TRUE(traced);
    EXPECT_EQ(traced->message->id, stored.id);
    EXPECT_EQ(described_, stored.id);
    EXPECT_TRUE(traced->stored);
    EXPECT_FALSE(traced->expired);
    EXPECT_EQ(traced->delivered, 7u);
  }
  described_ = {};
  EXPECT_TRUE(trace(person("bob"), stored.id).error().is(errors::kNotFound));
  EXPECT_TRUE(trace(root(), sample_message(2).id).error().is(errors::kNotFound));
  EXPECT_EQ(described_, MessageId());

  now_ = kStart + 3'600'000 + 1;
  store_->set_retention({std::chrono::hours(1), {}});
  const auto expired = trace(person("alice"), stored.id);
  ASSERT_TRUE(expired);
  EXPECT_TRUE(expired->stored);
  EXPECT_TRUE(expired->expired);
}

TEST_F(LocalHistoryTest, TraceFindsWhatCouldNotBeStored) {
  start();
  const ports::QueuedMessage letter = sample_letter(1);
  commit([&](CommitBatch& batch) { batch.put_dead_letter("MessageStorageDLQ", letter); });
  const auto traced = trace(person("alice"), letter.message->id);
  ASSERT_TRUE(traced);
  EXPECT_EQ(traced->message->id, letter.message->id);
  EXPECT_FALSE(traced->stored);
  EXPECT_TRUE(trace(person("bob"), letter.message->id).error().is(errors::kNotFound));
}

class HistoryOfNodeTest : public LocalNodeTest {
 protected:
  base::Result<HistoryPage> page(HistoryQuery query, IdentityPtr asking = identity("root", true)) {
    return await<HistoryPage>([&](auto done) { node_->history().page(asking, query, std::move(done)); });
  }
};

TEST_F(HistoryOfNodeTest, SeesEverythingAnsweredBefore) {
  open();
  for (int i = 0; i < 200; ++i) {
    const auto receipt = publish(fifo("c", std::to_string(i)));
    ASSERT_TRUE(receipt);
    const auto read = page({.target = Target::chat("c"), .limit = 1});
    ASSERT_TRUE(read) << read.error().details();
    ASSERT_EQ(read->messages.size(), 1u);
    EXPECT_EQ(read->messages.front()->id, receipt->id);
  }
  const std::string secret = node_->history().token_secret();
  EXPECT_GE(secret.size(), 32u);
  reopen();
  EXPECT_EQ(node_->history().token_secret(), secret);
  EXPECT_EQ(page({.target = Target::chat("c"), .limit = 1000})->messages.size(), 200u);
}

TEST_F(HistoryOfNodeTest, RedrivenMessageStandsWhereItWas) {
  open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(publish(fifo("c", std::to_string(i))));
  ports::QueuedMessage letter{.message = page({.target = Target::chat("c")})->messages[1], .attempts = 3};
  ASSERT_EQ(letter.message->position, 2u);
  close();
  {
    const auto store = Store::open(settings_.directory, {});
    ASSERT_TRUE(store) << store.error().details();
    CommitBatch batch;
    letter.enqueued_at = base::now_ms();
    batch.put_dead_letter("MessageStorageDLQ", letter);
    ASSERT_TRUE((*store)->write_synced(batch, (*store)->generation()));
  }
  open();
  ASSERT_EQ(*await<std::uint64_t>(
                [&](auto done) { node_->queues().redrive("MessageStorageDLQ", {}, std::move(done)); }),
            1u);
  ASSERT_TRUE(publish(fifo("c", "4")));
  const auto read = page({.target = Target::chat("c")});
  ASSERT_TRUE(read);
  EXPECT_EQ(positions(read->messages), (std::vector<Position>{5, 3, 2, 1}));
}

TEST_F(HistoryOfNodeTest, RevocationEndsReading) {
  open();
  ASSERT_TRUE(publish(fifo("c", "x")));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(grant("bob", "c", Role::viewer));
    EXPECT_TRUE(page({.target = Target::chat("c")}, identity("bob")));
    ASSERT_TRUE(revoke("bob", "c"));
    const auto refused = page({.target = Target::chat("c")}, identity("bob"));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errors::kNoChatAccess));
  }
}

TEST_F(HistoryOfNodeTest, TraceTellsWhatBecameOfAMessage) {
  open();
  ASSERT_TRUE(grant("bob", "c"));
  ASSERT_TRUE(connect("bob", "c-bob", {"c"}));
  const auto receipt = publish(fifo("c", "x"));
  ASSERT_TRUE(receipt);
  gateway_.frames(1);
  ASSERT_TRUE(depth_becomes("WebSocketFifoQueue", 0));
  const auto traced = await<MessageTrace>(
      [&](auto done) { node_->history().trace(identity("ann"), receipt->id, std::move(done)); });
  ASSERT_TRUE(traced);
  EXPECT_EQ(traced->message->id, receipt->id);
  EXPECT_TRUE(traced->stored);
  EXPECT_EQ(traced->delivered, 1u);
  EXPECT_EQ(traced->queues.size(), 2u);
}

}  // namespace
}  // namespace carillon::embedded::testing
