#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "house.hpp"

/// What other brokers got wrong, each in a small world where nothing else goes wrong.
namespace carillon::simulation {
namespace {

class KnownMistakes : public ::testing::Test {
 protected:
  KnownMistakes() : world_(1) {
    for (const char* user : {"u1", "u2"}) world_.disk.members.insert({user, "c0"});
    restart();
  }

  void restart() {
    ++world_.life;
    house_ = std::make_unique<House>(world_, [] {});
    house_->recover();
    world_.agenda.run_until_quiet();
  }

  static ports::Publication publication(const char* channel = "WebSocket") {
    ports::Publication made;
    made.type = model::MessageType::fifo;
    made.sender = model::UserId("u1");
    made.channel = channel;
    made.event_type = "chat";
    made.target = model::Target::chat("c0");
    made.group_id = "c0";
    made.payload = "{}";
    return made;
  }

  void send(const ports::Publication& publication, std::vector<ports::Receipt>& answers) {
    house_->publish(publication, [&answers](base::Result<ports::Receipt> receipt) {
      ASSERT_TRUE(receipt);
      answers.push_back(*receipt);
    });
  }
  ports::Receipt send_and_wait(const ports::Publication& publication) {
    std::vector<ports::Receipt> answers;
    send(publication, answers);
    world_.agenda.run_until_quiet();
    EXPECT_EQ(answers.size(), 1u);
    return answers.empty() ? ports::Receipt() : answers[0];
  }

  std::shared_ptr<Connection> connect(const char* user, std::size_t bytes_per_ms) {
    auto connection = std::make_shared<Connection>();
    connection->id = model::ConnectionId(user);
    connection->user = model::UserId(user);
    connection->bytes_per_ms = bytes_per_ms;
    house_->connect(connection, {"c0"});
    world_.agenda.run_until_quiet();
    return connection;
  }
  static int accepted(const Connection& connection) {
    int count = 0;
    for (const auto& [id, each] : connection.expected) count += each.accepted;
    return count;
  }

  World world_;
  std::unique_ptr<House> house_;
};

TEST_F(KnownMistakes, DeduplicationHoldsAfterTheFirstCopyWasConsumed) {
  for (const char* channel : {"WebSocket", "Hook"}) {
    const auto first = send_and_wait(publication(channel));
    house_->check_end();
    const auto length = world_.disk.log.size();
    EXPECT_TRUE(world_.oracle.is_settled(
        *house_->topics().find(channel == std::string("Hook") ? "HookFifoQueue" : "WebSocketFifoQueue"),
        length));
    const auto second = send_and_wait(publication(channel));
    EXPECT_FALSE(first.deduplicated);
    EXPECT_TRUE(second.deduplicated);
    EXPECT_EQ(second.id, first.id);
    EXPECT_EQ(world_.disk.log.size(), length);
    restart();
    EXPECT_EQ(send_and_wait(publication(channel)).id, first.id) << "nor does a restart forget it";
  }
}

TEST_F(KnownMistakes, MovingToTheDeadLetterQueueUnlocksTheGroup) {
  world_.nature.hook_failure_percent = 100;
  std::vector<ports::Receipt> answers;
  for (int at = 0; at < 3; ++at) {
    auto next = publication("Hook");
    next.deduplication_id = std::to_string(at);
    send(next, answers);
  }
  world_.agenda.run_until_quiet();
  house_->check_end();
  const auto& dead = world_.disk.dead_letters[*house_->topics().find_by_dead_letter_queue("HookFifoDLQ")];
  ASSERT_EQ(dead.size(), 3u);
  Position expected = 0;
  for (const auto& [place, letter] : dead) {
    EXPECT_EQ(letter.message->position, ++expected);
    EXPECT_EQ(letter.attempts, 3);
  }
}

TEST_F(KnownMistakes, AMessageThatWaitsForItsRetryDelaysOnlyThatRecipient) {
  world_.nature.max_outbound_bytes = 2500;  // two frames, and two more parked
  const auto stuck = connect("u1", 0);
  const auto fast = connect("u2", 100'000);
  std::vector<ports::Receipt> answers;
  for (int at = 0; at < 5; ++at)
    world_.agenda.after(std::chrono::milliseconds(at), [this, at, &answers] {
      auto next = publication();
      next.deduplication_id = std::to_string(at);
      next.payload = "{\"content\":\"" + std::string(600, 'x') + "\"}";
      send(next, answers);
    });
  int while_stuck_waited = 0;
  world_.agenda.after(std::chrono::milliseconds(15), [&] {
    EXPECT_TRUE(stuck->open);
    while_stuck_waited = accepted(*fast);
  });
  world_.agenda.run_until_quiet();
  EXPECT_EQ(while_stuck_waited, 5);
  EXPECT_FALSE(stuck->open);
  EXPECT_EQ(accepted(*stuck), 2);
  EXPECT_TRUE(fast->open);
  const auto& dead = world_.disk.dead_letters[bus::kWebSocketFifoQueue];
  ASSERT_EQ(dead.size(), 1u) << "one dead letter; what was parked is gone";
  const bus::DeadLetter& letter = dead.begin()->second;
  EXPECT_EQ(letter.message->position, 3u);
  ASSERT_EQ(letter.failed.size(), 1u);
  EXPECT_EQ(letter.failed[0].user, model::UserId("u1"));
  house_->check_end();
}

TEST_F(KnownMistakes, TheScopeOfDeduplicationIsTopicAndSender) {
  auto asked = publication();
  asked.deduplication_id = "same";
  const auto first = send_and_wait(asked);
  auto elsewhere = asked;
  elsewhere.connection = model::ConnectionId("another of the same user");
  EXPECT_EQ(send_and_wait(elsewhere).id, first.id);
  auto other_sender = asked;
  other_sender.sender = model::UserId("u2");
  EXPECT_NE(send_and_wait(other_sender).id, first.id);
  auto other_topic = asked;
  other_topic.type = model::MessageType::standard;
  EXPECT_NE(send_and_wait(other_topic).id, first.id);
  EXPECT_EQ(world_.disk.log.size(), 3u);
}

TEST_F(KnownMistakes, AMessageWithoutAGroupDoesNotVanish) {
  const auto fast = connect("u2", 100'000);
  for (const char* channel : {"WebSocket", "Hook"}) {
    auto asked = publication(channel);
    asked.group_id.clear();
    const auto receipt = send_and_wait(asked);
    EXPECT_FALSE(receipt.deduplicated);
    EXPECT_TRUE(world_.disk.stored.contains(world_.disk.log.size()));
  }
  EXPECT_EQ(accepted(*fast), 1);
  EXPECT_TRUE(world_.oracle.is_settled(*house_->topics().find("HookFifoQueue"), 2));
  house_->check_end();
}

}  // namespace
}  // namespace carillon::simulation
