#include "bus/topic.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::bus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Settings with_channels(std::vector<ChannelSettings> channels) {
  Settings settings;
  settings.channels = std::move(channels);
  return settings;
}

std::vector<std::string> names(const Topics& topics, QueueMask mask) {
  std::vector<std::string> found;
  for_each_queue(mask, [&](QueueIndex queue) { found.push_back(topics.queues()[queue].name); });
  return found;
}

model::MessageBody body(model::MessageType type, std::string channel) {
  model::MessageBody made;
  made.type = type;
  made.channel = std::move(channel);
  made.target = model::Target::chat("c");
  return made;
}

std::string why(const Settings& settings) {
  const auto topics = Topics::create(settings);
  EXPECT_FALSE(topics);
  return topics ? "" : topics.error().details();
}

TEST(Topics, HasTheSeedsQueues) {
  const auto topics = Topics::create({});
  ASSERT_TRUE(topics);
  ASSERT_EQ(topics->queues().size(), 3u);
  EXPECT_EQ(topics->queues()[kWebSocketFifoQueue].name, "WebSocketFifoQueue");
  EXPECT_EQ(topics->queues()[kWebSocketFifoQueue].dead_letter_queue, "WebSocketFifoDLQ");
  EXPECT_TRUE(topics->queues()[kWebSocketFifoQueue].fifo);
  EXPECT_EQ(topics->queues()[kWebSocketStandardQueue].name, "WebSocketStandardQueue");
  EXPECT_EQ(topics->queues()[kWebSocketStandardQueue].dead_letter_queue, "WebSocketStandardDLQ");
  EXPECT_FALSE(topics->queues()[kWebSocketStandardQueue].fifo);
  EXPECT_EQ(topics->queues()[kMessageStorageQueue].name, "MessageStorageQueue");
  EXPECT_EQ(topics->queues()[kMessageStorageQueue].dead_letter_queue, "MessageStorageDLQ");
  EXPECT_EQ(topics->queues()[kMessageStorageQueue].consumer, Consumer::storage);
  EXPECT_EQ(topics->find("MessageStorageQueue"), kMessageStorageQueue);
  EXPECT_EQ(topics->find_by_dead_letter_queue("WebSocketStandardDLQ"), kWebSocketStandardQueue);
  EXPECT_FALSE(topics->find("WebSocketFifoDLQ"));
}

TEST(Topics, RoutesByTopicAndChannel) {
  const auto topics = Topics::create(with_channels({{.name = "Email"}, {.name = "SMS"}}));
  ASSERT_TRUE(topics);
  using model::MessageType;
  const auto route = [&](MessageType type, const char* channel) {
    return names(*topics, topics->route(body(type, channel)));
  };
  EXPECT_THAT(route(MessageType::fifo, "WebSocket"),
              ElementsAre("WebSocketFifoQueue", "MessageStorageQueue"));
  EXPECT_THAT(route(MessageType::standard, "WebSocket"),
              ElementsAre("WebSocketStandardQueue", "MessageStorageQueue"));
  EXPECT_THAT(route(MessageType::fifo, "Email"), ElementsAre("MessageStorageQueue", "EmailFifoQueue"));
  EXPECT_THAT(route(MessageType::standard, "SMS"), ElementsAre("MessageStorageQueue", "SMSQueue"));
  EXPECT_THAT(route(MessageType::ephemeral, "WebSocket"), ElementsAre());
  EXPECT_EQ(topics->queues()[*topics->find("SMSFifoQueue")].dead_letter_queue, "SMSFifoDLQ");
  EXPECT_EQ(topics->queues()[*topics->find("SMSQueue")].dead_letter_queue, "SMSDLQ");
  EXPECT_EQ(topics->queues()[*topics->find("SMSQueue")].channel, 1u);
}

TEST(Topics, AMessageOfNoKnownChannelStillReachesStorage) {
  const auto topics = Topics::create({});
  EXPECT_THAT(names(*topics, topics->route(body(model::MessageType::fifo, "Pigeon"))),
              ElementsAre("MessageStorageQueue"));
}

TEST(Topics, AFilterOfItsOwnReplacesTheChannels) {
  const auto topics =
      Topics::create(with_channels({{.name = "Audit", .filter = R"({"eventType":[{"prefix":"audit."}]})"}}));
  ASSERT_TRUE(topics);
  auto message = body(model::MessageType::standard, "WebSocket");
  message.event_type = "audit.login";
  EXPECT_THAT(names(*topics, topics->route(message)),
              ElementsAre("WebSocketStandardQueue", "MessageStorageQueue", "AuditQueue"));
  EXPECT_THAT(names(*topics, topics->route(body(model::MessageType::standard, "Audit"))),
              ElementsAre("MessageStorageQueue"));
}

TEST(Topics, ARedrivenMessageGoesToItsQueueOnly) {
  const auto topics = Topics::create(with_channels({{.name = "Email"}}));
  model::Message message;
  static_cast<model::MessageBody&>(message) = body(model::MessageType::fifo, "WebSocket");
  message.redrive = model::Message::Redrive{"EmailFifoQueue", {}};
  EXPECT_THAT(names(*topics, topics->route(message)), ElementsAre("EmailFifoQueue"));
  message.redrive->queue = "GoneQueue";
  EXPECT_EQ(topics->route(message), 0u);
  message.redrive.reset();
  EXPECT_THAT(names(*topics, topics->route(message)),
              ElementsAre("WebSocketFifoQueue", "MessageStorageQueue"));
}

TEST(Topics, KnowsItsChannels) {
  const auto topics = Topics::create(with_channels({{.name = "Email", .backend_only = true}}));
  EXPECT_THAT(topics->channels(), ElementsAre("WebSocket", "Email"));
  EXPECT_TRUE(topics->has_channel("WebSocket"));
  EXPECT_FALSE(topics->has_channel("email"));
  EXPECT_TRUE(topics->backend_only("Email"));
  EXPECT_FALSE(topics->backend_only("WebSocket"));
}

TEST(Topics, RefusesImpossibleChannels) {
  EXPECT_THAT(why(with_channels({{.name = ""}})), HasSubstr("name"));
  EXPECT_THAT(why(with_channels({{.name = "WebSocket"}})), HasSubstr("WebSocket"));
  EXPECT_THAT(why(with_channels({{.name = "A"}, {.name = "A"}})), HasSubstr("taken"));
  EXPECT_THAT(why(with_channels({{.name = "A"}, {.name = "AFifo"}})), HasSubstr("AFifoQueue"));
  EXPECT_THAT(why(with_channels({{.name = "MessageStorage"}})), HasSubstr("MessageStorageQueue"));
  EXPECT_THAT(why(with_channels({{.name = "A", .filter = R"({"x":[{"like":"y"}]})"}})),
              HasSubstr("channels.A: filter: filter policy: x: unknown operator like"));
  std::vector<ChannelSettings> many;
  many.reserve(31);
  for (int at = 0; at < 30; ++at) many.push_back({.name = "N" + std::to_string(at)});
  EXPECT_TRUE(Topics::create(with_channels(many)));
  many.push_back({.name = "N30"});
  EXPECT_THAT(why(with_channels(many)), HasSubstr("30 channels"));
}

TEST(Topics, ReloadTakesFiltersAllOrNothing) {
  auto topics = Topics::create(with_channels({{.name = "A"}, {.name = "B"}}));
  const auto message = body(model::MessageType::standard, "WebSocket");
  const std::string all = R"({"targetChannel":[{"exists":true}]})";
  EXPECT_FALSE(topics->reload(with_channels({{.name = "A", .filter = all}, {.name = "B", .filter = "x"}})));
  EXPECT_FALSE(topics->reload(with_channels({{.name = "A", .filter = all}})));
  EXPECT_FALSE(topics->reload(with_channels({{.name = "A", .filter = all}, {.name = "C"}})));
  EXPECT_THAT(names(*topics, topics->route(message)),
              ElementsAre("WebSocketStandardQueue", "MessageStorageQueue"));
  EXPECT_TRUE(
      topics->reload(with_channels({{.name = "A", .filter = all, .backend_only = true}, {.name = "B"}})));
  EXPECT_THAT(names(*topics, topics->route(message)),
              ElementsAre("WebSocketStandardQueue", "MessageStorageQueue", "AQueue"));
  EXPECT_TRUE(topics->backend_only("A"));
}

}  // namespace
}  // namespace carillon::bus
