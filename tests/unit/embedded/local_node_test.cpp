#include "embedded/store.hpp"
#include "unit/embedded/local_node_fixture.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded::testing {
namespace {

TEST_F(LocalNodeTest, delivers_what_is_published_to_those_who_are_subscribed) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_EQ(*connect("bob", "c-bob", {"room"}), std::vector<std::string>{"room"});
  const auto receipt = publish(fifo("room", "hello"));
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->sequence, 1u);
  const auto frames = gateway_.frames(1);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_NE(frames[0].find(receipt->id.str()), std::string::npos);
  EXPECT_NE(frames[0].find(R"("content":"hello")"), std::string::npos);
}

TEST_F(LocalNodeTest, numbers_a_chat_consecutively_across_restarts) {
  open();
  for (model::SequenceNumber n = 1; n <= 5; ++n)
    EXPECT_EQ(publish(fifo("room", std::to_string(n)))->sequence, n);
  EXPECT_EQ(publish(fifo("other", "x"))->sequence, 1u);
  reopen();
  EXPECT_EQ(publish(fifo("room", "6"))->sequence, 6u);
}

TEST_F(LocalNodeTest, no_time_steps_back_when_the_clock_does) {
  const base::EpochMs ahead = base::now_ms() + 3'600'000;
  {
    auto store = Store::open(settings_.directory, {});
    ASSERT_TRUE(store);
    model::Message message = sample_message(1);
    message.published_at = ahead;
    CommitBatch batch;
    batch.add_message(message);
    ASSERT_TRUE((*store)->write_synced(batch, (*store)->generation()));
  }
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_TRUE(connect("bob", "c-bob", {"room"}));
  const auto receipt = publish(fifo("room", "a"));
  ASSERT_TRUE(receipt);
  EXPECT_GE(receipt->published_at, ahead);
  EXPECT_EQ(gateway_.frames(1).size(), 1u);
  const auto times = node_->message_times().find(receipt->id);
  ASSERT_TRUE(times);
  EXPECT_GE(times->processed_at, receipt->published_at);
}

TEST_F(LocalNodeTest, leaves_the_counter_alone_for_a_sequence_of_the_senders) {
  open();
  auto publication = fifo("room", "a");
  publication.custom_sequence = 77;
  EXPECT_EQ(publish(std::move(publication))->sequence, 77u);
  auto without = fifo("room", "b");
  without.generate_sequence = false;
  EXPECT_FALSE(publish(std::move(without))->sequence);
  EXPECT_EQ(publish(fifo("room", "c"))->sequence, 1u);
}

TEST_F(LocalNodeTest, answers_a_duplicate_like_the_first_even_after_a_restart) {
  open();
  auto once = fifo("room", "a");
  once.deduplication_id = "id-1";
  const auto first = publish(once);
  reopen();
  auto again = fifo("room", "something else");
  again.deduplication_id = "id-1";
  const auto second = publish(again);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->id, first->id);
  EXPECT_EQ(second->sequence, first->sequence);
  EXPECT_TRUE(second->deduplicated);
  auto other_sender = again;
  other_sender.sender = UserId("eve");
  EXPECT_FALSE(publish(other_sender)->deduplicated) << "nobody can swallow another's message";
  EXPECT_EQ(publish(fifo("room", "c"))->sequence, 3u);
}

TEST_F(LocalNodeTest, gives_two_copies_in_one_batch_one_answer) {
  open();
  std::vector<std::future<base::Result<ports::Receipt>>> answers;
  for (int i = 0; i < 50; ++i) {
    auto promise = std::make_shared<std::promise<base::Result<ports::Receipt>>>();
    answers.push_back(promise->get_future());
    node_->message_bus().publish(fifo("room", "same"), [promise](base::Result<ports::Receipt> each) {
      promise->set_value(std::move(each));
    });
  }
  int fresh = 0;
  std::optional<model::MessageId> id;
  for (auto& each : answers) {
    const auto receipt = each.get();
    ASSERT_TRUE(receipt);
    fresh += !receipt->deduplicated;
    if (!id) id = receipt->id;
    EXPECT_EQ(receipt->id, *id);
  }
  EXPECT_EQ(fresh, 1);
}

TEST_F(LocalNodeTest, refuses_publishers_without_the_right) {
  open();
  auto publication = fifo("room", "a");
  publication.identity = identity("eve");
  publication.sender = UserId("eve");
  auto refused = publish(publication);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errors::kNoChatAccess));
  ASSERT_TRUE(grant("eve", "room", Role::viewer));
  EXPECT_FALSE(publish(publication)) << "viewers read";
  ASSERT_TRUE(grant("eve", "room", Role::member));
  EXPECT_TRUE(publish(publication));
  publication.target = Target::all();
  EXPECT_TRUE(publish(publication).error().is(errors::kNoAllAccess));
}

TEST_F(LocalNodeTest, over_a_socket_the_chat_must_be_subscribed) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_TRUE(grant("bob", "den"));
  ASSERT_TRUE(connect("bob", "c-bob", {"den"}));
  auto publication = fifo("room", "a");
  publication.identity = identity("bob");
  publication.sender = UserId("bob");
  publication.connection = ConnectionId("c-bob");
  const auto refused = publish(publication);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().members(), R"(,"chatId":"room","authorizedChatIds":["den"])");
}

TEST_F(LocalNodeTest, a_denied_chat_refuses_the_whole_connect) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  const auto refused = connect("bob", "c-bob", {"room", "secret"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().members(), R"(,"chatIds":["secret"])");
  EXPECT_EQ(node_->directory().count(), 0u);
}

TEST_F(LocalNodeTest, every_chat_includes_later_grants) {
  open();
  ASSERT_TRUE(grant("bob", "one"));
  EXPECT_EQ(*connect("bob", "c-bob", {}, true), std::vector<std::string>{"one"});
  ASSERT_TRUE(grant("bob", "two"));
  const auto events = gateway_.events();
  EXPECT_NE(std::ranges::find(events, "+c-bob chat:two"), events.end());
}

TEST_F(LocalNodeTest, a_revocation_takes_the_chat_away_before_it_is_answered) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_TRUE(connect("bob", "c-bob", {"room"}));
  ASSERT_TRUE(revoke("bob", "room"));
  const auto events = gateway_.events();
  EXPECT_EQ(events[events.size() - 2], "-c-bob chat:room");
  EXPECT_EQ(events.back(), R"({"type":"unsubscribed","chatId":"room","reason":"permission revoked"})");
  ASSERT_TRUE(publish(fifo("room", "secret")));
  EXPECT_EQ(queue("WebSocketFifoQueue").depth, 0u);
  EXPECT_TRUE(gateway_.frames(0).empty());
  EXPECT_FALSE(connect("bob", "c-2", {"room"}));
}

TEST_F(LocalNodeTest, tells_what_a_connection_was_at_its_end) {
  open();
  ASSERT_TRUE(grant("ann", "room"));
  ASSERT_TRUE(grant("ann", "hall"));
  ASSERT_TRUE(connect("ann", "c-1", {"room", "hall"}));
  ASSERT_TRUE(revoke("ann", "room"));
  const auto disconnect = [&] {
    return await<ports::ConnectionView>(
        [&](auto done) { node_->directory().disconnect(model::ConnectionId("c-1"), std::move(done)); });
  };
  const auto last = disconnect();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->record->id, model::ConnectionId("c-1"));
  EXPECT_EQ(last->chat_ids, std::vector<std::string>{"hall"});
  EXPECT_EQ(node_->directory().count(), 0u);
  EXPECT_TRUE(disconnect().error().is(errors::kGone));
  ASSERT_TRUE(connect("ann", "c-1", {}));
  node_->directory().disconnect(model::ConnectionId("c-1"), nullptr);
  EXPECT_TRUE(disconnect().error().is(errors::kGone)) << "gone, and nobody asked";
}

TEST_F(LocalNodeTest, permissions_survive_a_restart) {
  open();
  ASSERT_TRUE(grant("bob", "room", Role::owner));
  reopen();
  EXPECT_EQ(*await<Role>([&](auto done) {
    node_->permissions().role_of(UserId("bob"), Target::chat("room"), std::move(done));
  }),
            Role::owner);
}

TEST_F(LocalNodeTest, limits_the_rate_of_users_but_not_of_backends) {
  settings_.bus.publish_per_second = 1;
  settings_.bus.publish_burst = 2;
  open();
  ASSERT_TRUE(grant("eve", "room"));
  auto publication = fifo("room", "a");
  publication.identity = identity("eve");
  publication.sender = UserId("eve");
  publication.type = model::MessageType::standard;
  EXPECT_TRUE(publish(publication));
  EXPECT_TRUE(publish(publication));
  const auto refused = publish(publication);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errors::kTooManyRequests));
  EXPECT_GT(refused.error().retry_after_ms(), 0);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(publish(fifo("room", std::to_string(i))));
}

}  // namespace
}  // namespace carillon::embedded::testing
