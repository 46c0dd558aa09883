#include "model/message.hpp"

#include <gtest/gtest.h>

namespace carillon::model {
namespace {

Message example() {
  Message message;
  message.type = MessageType::fifo;
  message.target = Target::chat("chat-abc123");
  message.group_id = "chat-abc123";
  message.event_type = "chat";
  message.payload = R"({"chatId":"chat-abc123", "content":1.0})";
  message.sender = UserId("ann");
  message.correlation_id = "c-1";
  message.id = *MessageId::parse("0192f0c4-5e5a-7000-8000-000000000001");
  message.published_at = 1760000000000;
  message.position = 42;
  message.sequence = 7;
  return message;
}

std::string event(const Message& message, std::optional<EpochMs> processed = std::nullopt) {
  std::string out;
  append_event(out, message, processed);
  return out;
}

TEST(Event, has_every_member_of_the_contract) {
  EXPECT_EQ(
      event(example(), 1760000000001),
      R"({"type":"message","messageId":"0192f0c4-5e5a-7000-8000-000000000001","chatId":"chat-abc123",)"
      R"("targetClass":"chat","targetId":"chat-abc123","messageType":"fifo","messageGroupId":"chat-abc123",)"
      R"("sequenceNumber":7,"queueSequenceNumber":"00000000000000000042","eventType":"chat",)"
      R"("payload":{"chatId":"chat-abc123", "content":1.0},"userId":"ann",)"
      R"("timestamp":"2025-10-09T08:53:20.000Z","publishTimestamp":1760000000000,)"
      R"("processorTimestamp":1760000000001,"targetChannel":"WebSocket","correlationId":"c-1"})");
}

TEST(Event, leaves_out_what_a_message_does_not_have) {
  Message message = example();
  message.type = MessageType::standard;
  message.target = Target::all();
  message.sequence.reset();
  message.correlation_id.clear();
  const std::string out = event(message);
  for (const char* absent : {"chatId\":\"chat", "\"targetId\"", "messageGroupId", "sequenceNumber",
                             "queueSequence", "processorTimestamp", "correlationId", "sequenceSource"})
    EXPECT_EQ(out.substr(0, out.find("\"payload\"")).find(absent), std::string::npos) << absent;
  EXPECT_NE(out.find(R"("targetClass":"all")"), std::string::npos);
}

TEST(Event, says_when_the_sequence_is_the_senders) {
  Message message = example();
  message.client_sequence = true;
  EXPECT_NE(event(message).find(R"("sequenceNumber":7,"sequenceSource":"client")"), std::string::npos);
}

TEST(Event, says_which_trace_it_belongs_to) {
  Message message = example();
  message.trace = base::parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  ASSERT_TRUE(message.trace);
  EXPECT_TRUE(event(message).ends_with(
      R"("correlationId":"c-1","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})"));
  message.trace->sampled = false;
  EXPECT_TRUE(event(message).ends_with(R"(-b7ad6b7169203331-00"})"));
  message.trace.reset();
  EXPECT_EQ(event(message).find("traceparent"), std::string::npos);
}

TEST(Event, is_never_larger_than_its_size_at_most) {
  Message message = example();
  EXPECT_GE(event_size_at_most(message), event(message, 1760000000001).size());
  EXPECT_LE(event_size_at_most(message), event(message).size() + 300);
  for (const char each : {'"', '\\', '\x01', '\n', 'a', '\xc3'}) {
    const std::string text(255, each);
    message.target = {TargetClass::project, text};
    for (const bool chat : {false, true}) {
      if (chat) message.target = Target::chat(text);
      message.group_id = message.event_type = message.channel = message.correlation_id = text;
      message.sender = UserId(text);
      message.sequence = kMaxSequenceNumber;
      message.client_sequence = true;
      message.position = ~Position{0};
      message.published_at = 253'402'300'799'999;
      message.trace = base::new_trace(true);
      EXPECT_GE(event_size_at_most(message), event(message, message.published_at).size());
    }
  }
}

TEST(Event, escapes_ids) {
  Message message = example();
  message.target = Target::chat("a\"b\\");
  EXPECT_NE(event(message).find(R"("chatId":"a\"b\\")"), std::string::npos);
}

}  // namespace
}  // namespace carillon::model
