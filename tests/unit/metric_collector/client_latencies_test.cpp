#include "metric_collector/client_latencies.hpp"

#include <map>

#include <gtest/gtest.h>

namespace carillon::metric_collector {
namespace {

using std::chrono::milliseconds;

constexpr base::EpochMs kPublished = 1'760'000'000'000;
constexpr base::EpochMs kNow = kPublished + 5000;

model::MessageId id(std::uint8_t number) {
  model::MessageId::Bytes bytes{};
  bytes.back() = number;
  return model::MessageId(bytes);
}

class FakeTimes : public ports::MessageTimesWindow {
 public:
  std::optional<ports::MessageTimes> find(const model::MessageId& message) const override {
    const auto found = times.find(message);
    return found == times.end() ? std::nullopt : std::optional(found->second);
  }
  std::map<model::MessageId, ports::MessageTimes> times;
};

class ClientLatenciesTest : public testing::Test {
 protected:
  ClientLatenciesTest() {
    message.id = id(1);
    message.published_at = kPublished;
    message.target = model::Target::chat("c1");
    message.sequence = 7;
  }

  static SingleSample received(std::int64_t after_ms, std::uint8_t number = 1) {
    return {.message = id(number), .received_at_us = (kPublished + after_ms) * 1000};
  }
  model::Result<std::size_t> take(const SingleSample& sample, std::string_view user = "ann") {
    message.id = sample.message;
    return latencies.take(user, sample, &message, ports::MessageTimes{kPublished, kPublished + 20}, kNow);
  }
  model::Result<std::size_t> take(SampleBatch batch, std::string_view user = "ann") {
    return latencies.take(user, batch, window, kNow);
  }
  ports::MetricSet figures() const {
    ports::MetricSet set;
    latencies.collect(set);
    return set;
  }
  base::Histogram histogram(std::string_view what) const {
    return figures().find("carillon_client_" + std::string(what) + "_seconds")->samples.at(0).histogram;
  }
  double counter(std::string_view family, std::string_view label) const {
    for (const ports::MetricSample& each : figures().find(family)->samples)
      if (each.labels.at(0).second == label) return each.value;
    ADD_FAILURE() << family << ' ' << label;
    return -1;
  }
  double refused(std::string_view reason) const {
    return counter("carillon_client_samples_refused_total", reason);
  }
  bool nothing_recorded() const {
    return histogram("end_to_end_latency").empty() && histogram("network_latency").empty() &&
           histogram("jitter").empty();
  }

  ClientLatencies latencies{milliseconds(1000)};
  model::Message message;
  FakeTimes window;
};

TEST_F(ClientLatenciesTest, ASingleSampleIsMeasuredAgainstTheMessagesOwnTimes) {
  EXPECT_EQ(take(received(120)), 1u);
  EXPECT_EQ(histogram("end_to_end_latency").max(), 120'000u);
  EXPECT_EQ(histogram("network_latency").max(), 100'000u);
  EXPECT_TRUE(histogram("jitter").empty());
  EXPECT_EQ(counter("carillon_client_samples_total", "single"), 1);
  EXPECT_EQ(counter("carillon_high_latency_messages_total", "client"), 0);
}

TEST_F(ClientLatenciesTest, AClockThatIsWrongIsPutRight) {
  SingleSample sample = received(120 - 86'400'000);
  EXPECT_FALSE(take(sample));
  sample.clock_offset_us = 86'400'000'000;
  EXPECT_EQ(take(sample), 1u);
  EXPECT_EQ(histogram("end_to_end_latency").max(), 120'000u);
}

TEST_F(ClientLatenciesTest, WithoutTheProcessorsTimeTheNetworkIsLeftOut) {
  EXPECT_EQ(latencies.take("ann", received(120), &message, std::nullopt, kNow), 1u);
  EXPECT_EQ(histogram("end_to_end_latency").count(), 1u);
  EXPECT_TRUE(histogram("network_latency").empty());
}

TEST_F(ClientLatenciesTest, ASampleCountsOncePerUserAndMessage) {
  EXPECT_EQ(take(received(120)), 1u);
  EXPECT_EQ(take(received(900)), 0u);
  EXPECT_EQ(take(received(120), "ben"), 1u);
  EXPECT_EQ(histogram("end_to_end_latency").count(), 2u);
  EXPECT_EQ(refused("repeated"), 1);
}

TEST_F(ClientLatenciesTest, AMessageOfAnHourAgoIsTooOld) {
  const base::EpochMs hour_and_skew = kPublished + 3'601'000;
  const auto times = ports::MessageTimes{kPublished, kPublished + 20};
  EXPECT_EQ(latencies.take("ann", received(120), &message, times, hour_and_skew + 1), 0u);
  EXPECT_EQ(refused("too_old"), 1);
  EXPECT_EQ(refused("repeated"), 0);
  EXPECT_TRUE(nothing_recorded());
  EXPECT_EQ(latencies.take("ann", received(120), &message, times, hour_and_skew), 1u);
}

TEST_F(ClientLatenciesTest, AMessageThatMayNotBeReadIsNotFound) {
  const auto refusal = latencies.take("ann", received(120), nullptr, std::nullopt, kNow);
  EXPECT_EQ(refusal.error().status(), 404);
  SingleSample elsewhere = received(120);
  elsewhere.chat_id = "c2";
  EXPECT_EQ(take(elsewhere).error().status(), 404);
  EXPECT_EQ(refused("unknown_message"), 2);
  EXPECT_TRUE(nothing_recorded());
}

TEST_F(ClientLatenciesTest, AnotherNumberThanTheMessagesIsRefused) {
  SingleSample sample = received(120);
  sample.sequence = 8;
  EXPECT_EQ(take(sample).error().status(), 400);
  sample.sequence = 7;
  sample.chat_id = "c1";
  EXPECT_EQ(take(sample), 1u);
}

TEST_F(ClientLatenciesTest, AbsurdTimesAreRefusedAndCountLater) {
  for (const std::int64_t after_ms : {-1001L, 10'001L, 3'600'001L})
    EXPECT_EQ(take(received(after_ms)).error().status(), 400) << after_ms;
  EXPECT_EQ(refused("implausible"), 3);
  EXPECT_TRUE(nothing_recorded());
  EXPECT_EQ(take(received(-900)), 1u) << "a refused sample uses nothing up";
  EXPECT_EQ(histogram("end_to_end_latency").max(), 0u);
}

TEST_F(ClientLatenciesTest, ReceivedLongBeforeTheProcessorHadItIsAbsurd) {
  const ports::MessageTimes late{kPublished, kPublished + 4000};
  EXPECT_FALSE(latencies.take("ann", received(2999), &message, late, kNow));
  EXPECT_EQ(latencies.take("ann", received(3000), &message, late, kNow), 1u);
}

TEST_F(ClientLatenciesTest, AServersClockThatWasPutBackRefusesNothing) {
  EXPECT_EQ(latencies.take("ann", received(900), &message, std::nullopt, kPublished - 60'000), 1u);
}

TEST_F(ClientLatenciesTest, JitterOfSingleSamplesIsTheDifferenceToTheUsersLast) {
  EXPECT_EQ(take(received(120, 1)), 1u);
  EXPECT_EQ(take(received(500, 2), "ben"), 1u);
  EXPECT_EQ(take(received(100, 3)), 1u);
  EXPECT_EQ(take(received(130, 4)), 1u);
  EXPECT_EQ(histogram("jitter").count(), 2u);
  EXPECT_EQ(histogram("jitter").sum(), 50'000u);
}

TEST_F(ClientLatenciesTest, MessagesOverTheThresholdAreCounted) {
  EXPECT_EQ(take(received(1000, 1)), 1u);
  EXPECT_EQ(take(received(1001, 2)), 1u);
  EXPECT_EQ(take({.entries = {{.end_to_end_us = 2'000'000}}}), 1u);
  EXPECT_EQ(counter("carillon_high_latency_messages_total", "client"), 2);
}

TEST_F(ClientLatenciesTest, ABatchCountsEveryEntryAndItsJitter) {
  EXPECT_EQ(take({.entries = {{.end_to_end_us = 10'000, .network_us = 4000}, {.end_to_end_us = 30'000}},
                  .jitter_us = 7000}),
            2u);
  EXPECT_EQ(histogram("end_to_end_latency").sum(), 40'000u);
  EXPECT_EQ(histogram("network_latency").sum(), 4000u);
  EXPECT_EQ(histogram("jitter").sum(), 7000u);
  EXPECT_EQ(counter("carillon_client_samples_total", "batch"), 2);
}

TEST_F(ClientLatenciesTest, ABatchWithoutJitterHasTheMeanDifferenceOfNeighbours) {
  EXPECT_EQ(take({.entries = {{.end_to_end_us = 10'000}, {.end_to_end_us = 30'000}, {.end_to_end_us = 0}}}),
            3u);
  EXPECT_EQ(histogram("jitter").count(), 1u);
  EXPECT_EQ(histogram("jitter").sum(), 25'000u);
  EXPECT_EQ(take({.entries = {{.end_to_end_us = 10'000}}}), 1u);
  EXPECT_EQ(histogram("jitter").count(), 1u);
  EXPECT_EQ(take({.jitter_us = 5000}), 0u);
  EXPECT_EQ(histogram("jitter").count(), 2u);
}

TEST_F(ClientLatenciesTest, OneAbsurdValueRefusesTheWholeBatch) {
  EXPECT_FALSE(take({.entries = {{.end_to_end_us = 10'000}, {.end_to_end_us = 3'600'000'001}}}));
  EXPECT_FALSE(take({.entries = {{.end_to_end_us = 10'000, .network_us = 2'000'000}}}));
  EXPECT_FALSE(take({.entries = {{.end_to_end_us = 10'000}}, .jitter_us = -1}));
  EXPECT_FALSE(take({.entries = {}, .jitter_us = -1}));
  EXPECT_TRUE(nothing_recorded());
  EXPECT_EQ(refused("implausible"), 5) << "with all that was in them";
}

TEST_F(ClientLatenciesTest, ABatchsEntryOfAKnownMessageIsCheckedAndCountsOnce) {
  window.times[id(9)] = {kPublished, kPublished + 20};
  const SampleBatch batch{.entries = {{.message = id(9), .end_to_end_us = 10'000'000},
                                      {.message = id(9), .end_to_end_us = 1'000'000},
                                      {.message = id(8), .end_to_end_us = 3'000'000}}};
  EXPECT_EQ(take(batch), 2u) << "one was there twice, one is of an unknown message";
  EXPECT_EQ(refused("repeated"), 1);
  EXPECT_EQ(take(received(120, 9)), 0u) << "the same message as a single sample";
}

TEST_F(ClientLatenciesTest, ABatchsEntryLongerThanItsMessageExistsIsLeftOutOfIt) {
  window.times[id(9)] = {kPublished, kPublished + 20};
  const SampleBatch batch{.entries = {{.message = id(9), .end_to_end_us = 10'000'001},
                                      {.message = id(8), .end_to_end_us = 10'000'001},
                                      {.end_to_end_us = 8'000'001}}};
  EXPECT_EQ(take(batch), 2u) << "a refusal would tell that there is such a message";
  EXPECT_EQ(refused("implausible"), 1);
  EXPECT_EQ(histogram("end_to_end_latency").count(), 2u);
  EXPECT_EQ(histogram("jitter").sum(), 2'000'000u) << "of what was counted";
  EXPECT_EQ(take({.entries = {{.message = id(9), .end_to_end_us = 3'600'000'001}}}).error().status(), 400)
      << "that is absurd of any message";
  EXPECT_EQ(take({.entries = {{.message = id(9), .end_to_end_us = 1000}}}), 1u) << "nothing was used up";
}

TEST_F(ClientLatenciesTest, ARepeatedBatchAddsNoJitter) {
  window.times[id(9)] = {kPublished, kPublished + 20};
  const SampleBatch batch{.entries = {{.message = id(9), .end_to_end_us = 1000}}, .jitter_us = 5000};
  EXPECT_EQ(take(batch), 1u);
  EXPECT_EQ(take(batch), 0u);
  EXPECT_EQ(histogram("jitter").count(), 1u);
}

TEST_F(ClientLatenciesTest, AUserHasABudget) {
  const base::Monotonic start{};
  const ClientSamples thousand = SampleBatch{.entries = std::vector<BatchEntry>(1000)};
  EXPECT_TRUE(latencies.admit("ann", start));
  EXPECT_TRUE(latencies.admit_rest("ann", thousand, start));
  const auto refusal = latencies.admit("ann", start);
  EXPECT_EQ(refusal.error().status(), 429) << "whatever is in the body";
  EXPECT_EQ(refusal.error().retry_after_ms(), 10);
  EXPECT_EQ(refused("rate"), 1);
  EXPECT_TRUE(latencies.admit("ben", start));
  EXPECT_TRUE(latencies.admit("ann", start + milliseconds(10'000)));
  EXPECT_TRUE(latencies.admit_rest("ann", thousand, start + milliseconds(10'000)));
}

TEST_F(ClientLatenciesTest, ABatchOverTheBudgetIsRefusedWithAllItsEntriesAndPaysForItsReading) {
  const base::Monotonic start{};
  const ClientSamples thousand = SampleBatch{.entries = std::vector<BatchEntry>(1000)};
  EXPECT_TRUE(latencies.admit("ann", start));
  EXPECT_TRUE(latencies.admit("ann", start));
  const auto wait_ms = latencies.admit_rest("ann", thousand, start).error().retry_after_ms();
  EXPECT_EQ(wait_ms, 20);
  EXPECT_EQ(refused("rate"), 1000);
  EXPECT_TRUE(latencies.admit("ann", start + milliseconds(wait_ms)));
  EXPECT_TRUE(latencies.admit_rest("ann", thousand, start + milliseconds(wait_ms)))
      << "who waits as long as was said is served";
}

TEST_F(ClientLatenciesTest, OneSampleCostsNoMoreThanItsReading) {
  const base::Monotonic start{};
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(latencies.admit("ann", start));
    ASSERT_TRUE(latencies.admit_rest("ann", received(1), start));
    ASSERT_TRUE(latencies.admit_rest("ann", SampleBatch{.jitter_us = 1}, start));
  }
  EXPECT_FALSE(latencies.admit("ann", start));
}

TEST(LastLatencies, ForgetWhoWasAwayForLongest) {
  LastLatencies last(2);
  EXPECT_FALSE(last.next("ann", 10));
  EXPECT_FALSE(last.next("ben", 20));
  EXPECT_EQ(last.next("ann", 15), 5u);
  EXPECT_FALSE(last.next("cid", 1)) << "ben goes";
  EXPECT_EQ(last.next("ann", 10), 5u);
  EXPECT_FALSE(last.next("ben", 20));
}

}  // namespace
}  // namespace carillon::metric_collector
