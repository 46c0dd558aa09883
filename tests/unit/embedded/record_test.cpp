#include "embedded/record.hpp"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "embedded/crc32c.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Message;

/// Any bytes at all, so that the codec is shown to keep what it gets.
rc::Gen<std::string> text() {
  return rc::gen::container<std::string>(rc::gen::arbitrary<char>());
}

rc::Gen<model::AttributeValue> attribute() {
  return rc::gen::oneOf(
      rc::gen::map(text(), [](std::string value) { return model::AttributeValue(std::move(value)); }),
      rc::gen::map(rc::gen::arbitrary<double>(), [](double value) { return model::AttributeValue(value); }),
      rc::gen::map(rc::gen::container<std::vector<std::string>>(text()),
                   [](std::vector<std::string> value) { return model::AttributeValue(std::move(value)); }));
}

Message arbitrary_message() {
  Message message;
  message.type = *rc::gen::element(model::MessageType::standard, model::MessageType::fifo,
                                   model::MessageType::ephemeral);
  message.target.target_class = static_cast<model::TargetClass>(*rc::gen::inRange(1, 7));
  message.target.id = *text();
  message.channel = *rc::gen::oneOf(rc::gen::just(std::string(model::kWebSocketChannel)), text());
  message.group_id = *rc::gen::oneOf(rc::gen::just(message.target.id), text());
  message.event_type = *text();
  message.payload = *text();
  message.sender = model::UserId(*text());
  message.exclude_sender = *rc::gen::arbitrary<bool>();
  message.correlation_id = *text();
  for (const std::string& name : *rc::gen::container<std::vector<std::string>>(text()))
    message.attributes[name] = *attribute();
  base::MessageId::Bytes id;
  for (auto& byte : id) byte = *rc::gen::arbitrary<std::uint8_t>();
  message.id = base::MessageId(id);
  message.published_at = *rc::gen::arbitrary<base::EpochMs>();
  message.position = *rc::gen::arbitrary<model::Position>();
  if (*rc::gen::arbitrary<bool>()) message.sequence = *rc::gen::arbitrary<model::SequenceNumber>();
  message.client_sequence = *rc::gen::arbitrary<bool>();
  message.broadcast = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) {
    message.redrive.emplace();
    message.redrive->queue = *text();
    message.redrive->original = *rc::gen::arbitrary<model::Position>();
    for (const std::string& user : *rc::gen::container<std::vector<std::string>>(text()))
      message.redrive->users.emplace_back(user);
  }
  if (*rc::gen::arbitrary<bool>()) {
    message.trace.emplace();
    for (auto& byte : message.trace->trace_id) byte = *rc::gen::arbitrary<std::uint8_t>();
    for (auto& byte : message.trace->span_id) byte = *rc::gen::arbitrary<std::uint8_t>();
    message.trace->trace_id.back() |= 1;
    message.trace->span_id.front() |= 1;
    message.trace->sampled = *rc::gen::arbitrary<bool>();
  }
  return message;
}

void expect_same(const Message& a, const Message& b) {
  RC_ASSERT(a.type == b.type);
  RC_ASSERT(a.target == b.target);
  RC_ASSERT(a.channel == b.channel);
  RC_ASSERT(a.group_id == b.group_id);
  RC_ASSERT(a.event_type == b.event_type);
  RC_ASSERT(a.payload == b.payload);
  RC_ASSERT(a.sender == b.sender);
  RC_ASSERT(a.exclude_sender == b.exclude_sender);
  RC_ASSERT(a.correlation_id == b.correlation_id);
  RC_ASSERT(a.attributes == b.attributes);
  RC_ASSERT(a.id == b.id);
  RC_ASSERT(a.published_at == b.published_at);
  RC_ASSERT(a.position == b.position);
  RC_ASSERT(a.sequence == b.sequence);
  RC_ASSERT(a.trace == b.trace);
  RC_ASSERT(a.client_sequence == b.client_sequence);
  RC_ASSERT(a.broadcast == b.broadcast);
  RC_ASSERT(a.redrive.has_value() == b.redrive.has_value());
  if (a.redrive) {
    RC_ASSERT(a.redrive->queue == b.redrive->queue);
    RC_ASSERT(a.redrive->users == b.redrive->users);
    RC_ASSERT(a.redrive->original == b.redrive->original);
  }
}

std::string encoded(const Message& message) {
  std::string bytes;
  record::append_message(bytes, message);
  return bytes;
}

/// With a checksum that fits, so that only the fields can give it away.
std::string resealed(std::string bytes) {
  std::string out;
  base::append_big_endian32(out, crc32c(std::string_view(bytes).substr(4)));
  return out + bytes.substr(4);
}

TEST(Record, KnownChecksum) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(Record, MessageComesBackAsItWas) {
  EXPECT_TRUE(rc::check([] {
    const Message message = arbitrary_message();
    const std::string bytes = encoded(message);
    RC_ASSERT(bytes.size() == record::message_size(message));
    RC_ASSERT(record::published_at(bytes) == message.published_at);
    const auto decoded = record::decode_message(bytes);
    RC_ASSERT(decoded.has_value());
    expect_same(message, *decoded);
  }));
}

TEST(Record, AppendsBehindWhatIsThere) {
  std::string bytes = "before";
  record::append_message(bytes, testing::sample_message(7));
  EXPECT_EQ(bytes.substr(0, 6), "before");
  EXPECT_TRUE(record::decode_message(bytes.substr(6)));
}

TEST(Record, DeadLetterComesBackAsItWas) {
  EXPECT_TRUE(rc::check([] {
    ports::QueuedMessage letter;
    letter.message = std::make_shared<const Message>(arbitrary_message());
    letter.attempts = *rc::gen::inRange(0, 1000);
    letter.enqueued_at = *rc::gen::arbitrary<base::EpochMs>();
    letter.reason = *text();
    for (int left = *rc::gen::inRange(0, 5); left > 0; --left)
      letter.failed.push_back({model::UserId(*text()), model::ConnectionId(*text()), *text()});
    std::string bytes;
    record::append_dead_letter(bytes, letter);
    const auto decoded = record::decode_dead_letter(bytes);
    RC_ASSERT(decoded.has_value());
    expect_same(*letter.message, *decoded->message);
    RC_ASSERT(decoded->attempts == letter.attempts);
    RC_ASSERT(decoded->enqueued_at == letter.enqueued_at);
    RC_ASSERT(decoded->reason == letter.reason);
    RC_ASSERT(decoded->failed.size() == letter.failed.size());
    for (std::size_t i = 0; i < letter.failed.size(); ++i) {
      RC_ASSERT(decoded->failed[i].user == letter.failed[i].user);
      RC_ASSERT(decoded->failed[i].connection == letter.failed[i].connection);
      RC_ASSERT(decoded->failed[i].reason == letter.failed[i].reason);
    }
  }));
}

TEST(Record, OtherRecordsComeBackAsTheyWere) {
  EXPECT_TRUE(rc::check([](std::uint64_t number, base::EpochMs time, base::EpochMs expires_at) {
    std::string bytes;
    record::append_number(bytes, number);
    RC_ASSERT(record::decode_number(bytes) == number);

    const Message message = arbitrary_message();
    bytes.clear();
    record::append_place(bytes, message);
    const auto place = record::decode_place(bytes);
    RC_ASSERT(place.has_value());
    RC_ASSERT(place->target == message.target);
    RC_ASSERT(place->position == message.position);
    RC_ASSERT(place->published_at == message.published_at);

    ports::Receipt receipt{message.id, time, {}, false};
    if (number > 0) receipt.sequence = number;
    bytes.clear();
    record::append_deduplication(bytes, receipt, expires_at);
    RC_ASSERT(record::deduplication_expiry(bytes) == expires_at);
    const auto entry = record::decode_deduplication(bytes);
    RC_ASSERT(entry.has_value());
    RC_ASSERT(entry->receipt.id == receipt.id);
    RC_ASSERT(entry->receipt.published_at == time);
    RC_ASSERT(entry->receipt.sequence == receipt.sequence);

    ports::Permission permission{.role = static_cast<model::Role>(*rc::gen::inRange(1, 5)),
                                 .granted_at = time};
    permission.granted_by = model::UserId(*text());
    bytes.clear();
    record::append_permission(bytes, permission);
    ports::Permission decoded;
    RC_ASSERT(record::decode_permission(bytes, decoded));
    RC_ASSERT(decoded.role == permission.role);
    RC_ASSERT(decoded.granted_at == time);
    RC_ASSERT(decoded.granted_by == permission.granted_by);
  }));
}

TEST(Record, EveryFlippedBitIsNoticed) {
  Message message = testing::sample_message(300);
  message.attributes["priority"] = 5.0;
  const std::string bytes = encoded(message);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(record::decode_message(damaged)) << "bit " << bit;
  }
}

TEST(Record, EveryCutIsNoticed) {
  Message message = testing::sample_message(300);
  message.attributes["tags"] = std::vector<std::string>{"a", "b"};
  message.redrive = Message::Redrive{"WebSocketFifoQueue", {model::UserId("bob")}};
  message.trace = base::new_trace(true);
  const std::string bytes = encoded(message);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(record::decode_message(bytes.substr(0, size))) << size;
    if (size >= 5) EXPECT_FALSE(record::decode_message(resealed(bytes.substr(0, size)))) << size;
  }
  EXPECT_FALSE(record::decode_message(resealed(bytes + 'x')));
}

TEST(Record, AnyBytesAreAnsweredWithNothingOrWhatEncodesToThem) {
  EXPECT_TRUE(rc::check([] {
    const Message message = arbitrary_message();
    std::string bytes = encoded(message);
    for (int changes = *rc::gen::inRange(1, 4); changes > 0; --changes)
      bytes[*rc::gen::inRange<std::size_t>(4, bytes.size())] = *rc::gen::arbitrary<char>();
    bytes = resealed(bytes);
    ports::Permission permission;
    record::decode_dead_letter(bytes);
    record::decode_place(bytes);
    record::decode_deduplication(bytes);
    record::decode_permission(bytes, permission);
    if (const auto decoded = record::decode_message(bytes))
      RC_ASSERT(encoded(*decoded).size() <= bytes.size());
  }));
}

TEST(Record, OtherVersionsAndKindsAreRefused) {
  std::string bytes = encoded(testing::sample_message(1));
  bytes[4] = 2;
  EXPECT_FALSE(record::decode_message(resealed(bytes)));
  bytes[4] = 1;
  EXPECT_TRUE(record::decode_message(resealed(bytes)));
  bytes[5] = 8;  // a flag of the future
  EXPECT_FALSE(record::decode_message(resealed(bytes)));
  bytes = encoded(testing::sample_message(1));
  bytes[31] = 9;  // message type
  EXPECT_FALSE(record::decode_message(resealed(bytes)));
  Message traced = testing::sample_message(1);
  traced.trace = base::new_trace(true);
  bytes = encoded(traced);
  EXPECT_TRUE(record::decode_message(resealed(bytes)));
  bytes.back() = 2;  // sampled is yes or no
  EXPECT_FALSE(record::decode_message(resealed(bytes)));
}

TEST(Record, TracesAndSpansOfZerosAreDamage) {
  for (const bool trace : {true, false}) {
    Message message = testing::sample_message(1);
    message.trace = base::new_trace(true);
    if (trace)
      message.trace->trace_id = {};
    else
      message.trace->span_id = {};
    EXPECT_FALSE(record::decode_message(encoded(message))) << (trace ? "trace" : "span");
  }
}

}  // namespace
}  // namespace carillon::embedded
