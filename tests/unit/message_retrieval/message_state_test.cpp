#include "message_retrieval/message_state.hpp"

#include <gtest/gtest.h>

namespace carillon::message_retrieval {
namespace {

using ports::MessageTrace;
using ports::QueueTrace;
using enum ports::QueueTrace::State;

QueueTrace queue(const char* name, QueueTrace::State state) {
  QueueTrace trace;
  trace.queue = name;
  trace.state = state;
  return trace;
}

MessageTrace traced(QueueTrace::State delivery, QueueTrace::State storage) {
  MessageTrace trace;
  trace.queues = {queue("WebSocketFifoQueue", delivery), queue("MessageStorageQueue", storage)};
  return trace;
}

TEST(MessageState, FollowsTheDelivery) {
  EXPECT_EQ(state_of(traced(waiting, waiting)), MessageState::queued);
  EXPECT_EQ(state_of(traced(in_flight, waiting)), MessageState::processing);
  MessageTrace trace = traced(settled, settled);
  EXPECT_EQ(state_of(trace), MessageState::published);
  trace.stored = true;
  EXPECT_EQ(state_of(trace), MessageState::stored);
  trace.delivered = 1;
  EXPECT_EQ(state_of(trace), MessageState::delivered);
  trace.queues.push_back(queue("EmailQueue", in_flight));
  EXPECT_EQ(state_of(trace), MessageState::processing);
  trace.queues.push_back(queue("SmsQueue", dead_letter));
  EXPECT_EQ(state_of(trace), MessageState::failed);
  trace.expired = true;
  EXPECT_EQ(state_of(trace), MessageState::expired);
}

TEST(MessageState, StorageAloneDoesNotHoldBackADeliveredMessage) {
  for (const auto storage : {waiting, in_flight}) {
    MessageTrace trace = traced(settled, storage);
    trace.delivered = 3;
    EXPECT_EQ(state_of(trace), MessageState::delivered);
  }
  EXPECT_EQ(state_of(traced(settled, waiting)), MessageState::queued);
  EXPECT_EQ(state_of(traced(settled, in_flight)), MessageState::processing);
  EXPECT_EQ(state_of(traced(settled, dead_letter)), MessageState::failed);
}

TEST(MessageState, WithoutQueuesItIsPublished) {
  EXPECT_EQ(state_of({}), MessageState::published);
}

TEST(MessageState, HasTheNamesOfTheContract) {
  const std::pair<MessageState, const char*> names[] = {
      {MessageState::published, "published"},   {MessageState::queued, "queued"},
      {MessageState::processing, "processing"}, {MessageState::delivered, "delivered"},
      {MessageState::stored, "stored"},         {MessageState::failed, "failed"},
      {MessageState::expired, "expired"}};
  for (const auto& [state, text] : names) EXPECT_EQ(name(state), text);
}

ports::FailedRecipient failure(const char* user, const char* connection, const char* reason) {
  return {model::UserId(user), model::ConnectionId(connection), reason};
}

TEST(FailedUsers, EachUserOncePerReason) {
  MessageTrace trace = traced(dead_letter, settled);
  trace.queues[0].failed = {failure("ann", "1", "slow"), failure("ann", "2", "slow"),
                            failure("bob", "3", "slow"), failure("ann", "4", "gone"), failure("", "", "500")};
  trace.queues[1].failed = {failure("bob", "5", "slow"), failure("cid", "6", "slow")};
  std::string seen;
  for (const auto& each : failed_users(trace, 10)) seen += each.user.str() + ' ' + each.reason + ';';
  EXPECT_EQ(seen, "ann slow;bob slow;ann gone;cid slow;");
  EXPECT_EQ(failed_users(trace, 2).size(), 2u);
  EXPECT_TRUE(failed_users({}, 10).empty());
}

}  // namespace
}  // namespace carillon::message_retrieval
