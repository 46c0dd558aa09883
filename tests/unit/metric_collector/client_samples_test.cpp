#include "metric_collector/client_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace carillon::metric_collector {
namespace {

using testing::HasSubstr;

const std::string kId = "0190a5c0-7d2e-7abc-8def-0123456789ab";

SingleSample single(const std::string& body) {
  const auto parsed = parse_client_samples(body);
  EXPECT_TRUE(parsed) << body << (parsed ? "" : parsed.error().details());
  return parsed ? std::get<SingleSample>(*parsed) : SingleSample();
}

SampleBatch batch(const std::string& body) {
  const auto parsed = parse_client_samples(body);
  EXPECT_TRUE(parsed) << body << (parsed ? "" : parsed.error().details());
  return parsed ? std::get<SampleBatch>(*parsed) : SampleBatch();
}

TEST(ClientSamples, ASingleOneAsTheSeedsSendIt) {
  const auto sample = single(R"({"messageId":")" + kId +
                             R"(","sequenceNumber":42,"chatId":"chat-1","clientReceivedAt":1760000000123})");
  EXPECT_EQ(sample.message.str(), kId);
  EXPECT_EQ(sample.sequence, 42u);
  EXPECT_EQ(sample.chat_id, "chat-1");
  EXPECT_EQ(sample.received_at_us, 1'760'000'000'123'000);
  EXPECT_EQ(sample.clock_offset_us, 0);
}

TEST(ClientSamples, WhatIsNullOrUnknownIsAbsent) {
  const auto sample = single(R"({"messageId":")" + kId +
                             R"(","sequenceNumber":null,"chatId":null,"clientReceivedAt":1.5,)"
                             R"("clockOffsetMs":-250.25,"jitter":null,"latencies":null,"other":[{}]})");
  EXPECT_FALSE(sample.sequence);
  EXPECT_FALSE(sample.chat_id);
  EXPECT_EQ(sample.received_at_us, 1500);
  EXPECT_EQ(sample.clock_offset_us, -250'250);
}

TEST(ClientSamples, ABatchOfNumbersAndObjects) {
  const auto found = batch(R"({"latencies":[12.5,{"endToEndMs":80,"networkMs":30.001},)"
                           R"({"messageId":")" +
                           kId + R"(","endToEndMs":7,"networkMs":null,"x":1}],"jitter":4})");
  ASSERT_EQ(found.entries.size(), 3u);
  EXPECT_EQ(found.entries[0].end_to_end_us, 12'500);
  EXPECT_EQ(found.entries[1].end_to_end_us, 80'000);
  EXPECT_EQ(found.entries[1].network_us, 30'001);
  EXPECT_EQ(found.entries[2].message->str(), kId);
  EXPECT_FALSE(found.entries[2].network_us);
  EXPECT_EQ(found.jitter_us, 4000);
}

TEST(ClientSamples, ABatchMayHaveOnePartOnly) {
  EXPECT_TRUE(batch(R"({"jitter":1})").entries.empty());
  EXPECT_TRUE(batch(R"({"latencies":[]})").entries.empty());
  EXPECT_FALSE(batch(R"({"latencies":[1]})").jitter_us);
}

TEST(ClientSamples, AThousandAreTakenAndNoMore) {
  std::string list = "1";
  for (int i = 1; i < 1000; ++i) list += ",1";
  EXPECT_EQ(batch("{\"latencies\":[" + list + "]}").entries.size(), 1000u);
  EXPECT_FALSE(parse_client_samples("{\"latencies\":[" + list + ",1]}"));
}

TEST(ClientSamples, WhatIsNoSampleIsRefusedWithAReason) {
  const std::string with_id = "{\"messageId\":\"" + kId + '"';
  for (const std::string& body : {std::string("[]"),
                                  std::string("{}"),
                                  std::string("{\"latencies\":null}"),
                                  with_id + '}',
                                  with_id + ",\"clientReceivedAt\":\"now\"}",
                                  with_id + ",\"clientReceivedAt\":1,\"latencies\":[1]}",
                                  with_id + ",\"clientReceivedAt\":1,\"clockOffsetMs\":\"1\"}",
                                  with_id + ",\"clientReceivedAt\":1,\"chatId\":7}",
                                  with_id + ",\"clientReceivedAt\":1,\"sequenceNumber\":0}",
                                  with_id + ",\"clientReceivedAt\":1,\"sequenceNumber\":1.5}",
                                  with_id + ",\"clientReceivedAt\":1,\"sequenceNumber\":9007199254740992}",
                                  std::string("{\"messageId\":\"x\",\"clientReceivedAt\":1}"),
                                  std::string("{\"messageId\":5,\"clientReceivedAt\":1}"),
                                  std::string("{\"latencies\":5}"),
                                  std::string("{\"latencies\":[\"1\"]}"),
                                  std::string("{\"latencies\":[null]}"),
                                  std::string("{\"latencies\":[{}]}"),
                                  std::string("{\"latencies\":[{\"networkMs\":1}]}"),
                                  std::string("{\"latencies\":[{\"endToEndMs\":1,\"networkMs\":[]}]}"),
                                  std::string("{\"latencies\":[{\"endToEndMs\":1,\"messageId\":\"x\"}]}"),
                                  std::string("{\"jitter\":\"1\"}")}) {
    const auto parsed = parse_client_samples(body);
    ASSERT_FALSE(parsed) << body;
    EXPECT_EQ(parsed.error().code(), "invalid_parameter") << body;
    EXPECT_FALSE(parsed.error().details().empty()) << body;
  }
  for (const char* body : {"", "{", "{\"latencies\":[1e400]}", "{\"jitter\":NaN}"}) {
    const auto parsed = parse_client_samples(body);
    ASSERT_FALSE(parsed) << body;
    EXPECT_EQ(parsed.error().code(), "invalid_json") << body;
  }
}

TEST(ClientSamples, LatencyIsFromALittleNegativeToAnHour) {
  EXPECT_EQ(plausible(-1'000'000, {}, {})->end_to_end_us, 0u);
  EXPECT_FALSE(plausible(-1'000'001, {}, {}));
  EXPECT_EQ(plausible(3'600'000'000, {}, {})->end_to_end_us, 3'600'000'000u);
  EXPECT_FALSE(plausible(3'600'000'001, {}, {}));
  EXPECT_EQ(plausible(5000, {}, {})->end_to_end_us, 5000u);
  EXPECT_FALSE(plausible(5000, {}, {})->network_us);
}

TEST(ClientSamples, NoMessageTookLongerThanItExists) {
  EXPECT_TRUE(plausible(2'000'000, {}, 2'000'000));
  EXPECT_FALSE(plausible(2'000'001, {}, 2'000'000));
}

TEST(ClientSamples, TheNetworksPartIsNotLongerThanTheWhole) {
  EXPECT_EQ(plausible(5000, 1'005'000, {})->network_us, 1'005'000u);
  EXPECT_FALSE(plausible(5000, 1'005'001, {}));
  EXPECT_EQ(plausible(5000, -1'000'000, {})->network_us, 0u);
  EXPECT_FALSE(plausible(5000, -1'000'001, {}));
}

TEST(ClientSamples, JitterIsFromNothingToAnHour) {
  EXPECT_EQ(plausible_jitter(0), 0u);
  EXPECT_EQ(plausible_jitter(3'600'000'000), 3'600'000'000u);
  EXPECT_FALSE(plausible_jitter(-1));
  EXPECT_FALSE(plausible_jitter(3'600'000'001));
}

TEST(ClientSamples, WhateverNumberIsWrittenNothingGetsPastTheBounds) {
  EXPECT_TRUE(rc::check("numbers of any size", [](double latency, double network) {
    RC_PRE(std::isfinite(latency) && std::isfinite(network));
    char text[120];
    std::snprintf(text, sizeof text, "{\"latencies\":[{\"endToEndMs\":%.17g,\"networkMs\":%.17g}]}", latency,
                  network);
    const auto parsed = parse_client_samples(text);
    RC_ASSERT(parsed.has_value());
    const BatchEntry& entry = std::get<SampleBatch>(*parsed).entries.at(0);
    const auto checked = plausible(entry.end_to_end_us, entry.network_us, std::nullopt);
    if (checked) {
      RC_ASSERT(checked->end_to_end_us <= 3'600'000'000u);
      RC_ASSERT(*checked->network_us <= checked->end_to_end_us + 1'000'000u);
    } else {
      RC_ASSERT(latency < -999.999 || latency > 3'599'999 || network < -999.999 ||
                network > latency + 999.999);
    }
  }));
}

}  // namespace
}  // namespace carillon::metric_collector
