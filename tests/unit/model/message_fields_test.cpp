#include "model/message_fields.hpp"

#include <gmock/gmock.h>

namespace carillon::model {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> texts(const MessageFields& fields) {
  std::vector<std::string> found;
  for (const base::log::Field& each : fields.list()) {
    std::string value;
    if (const auto* text = std::get_if<std::string_view>(&each.value)) value = *text;
    if (const auto* number = std::get_if<std::int64_t>(&each.value)) value = std::to_string(*number);
    found.push_back(std::string(each.name) + "=" + value);
  }
  return found;
}

TEST(MessageFields, HaveWhatAppliesToTheMessage) {
  Message message;
  message.id = *MessageId::parse("0192f0c4-5e5a-7000-8000-000000000001");
  message.target = Target::chat("room");
  message.sequence = 7;
  message.sender = UserId("ann");
  message.correlation_id = "c-1";
  message.trace = base::parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
  message.payload = R"({"content":"secret"})";
  MessageFields fields(message);
  fields.add({"latency_ms", 3});
  EXPECT_THAT(texts(fields), ElementsAre("messageId=0192f0c4-5e5a-7000-8000-000000000001", "chatId=room",
                                         "sequenceNumber=7", "userId=ann", "correlation_id=c-1",
                                         "trace_id=0af7651916cd43dd8448eb211c80319c", "latency_ms=3"));
}

TEST(MessageFields, LeaveOutWhatDoesNot) {
  Message message;
  message.id = *MessageId::parse("0192f0c4-5e5a-7000-8000-000000000001");
  message.target = Target::user("bob");
  EXPECT_THAT(texts(MessageFields(message)), ElementsAre("messageId=0192f0c4-5e5a-7000-8000-000000000001"));
}

}  // namespace
}  // namespace carillon::model
