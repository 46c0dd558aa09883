#include "embedded/message_lines.hpp"

#include <gmock/gmock.h>

#include "unit/embedded/figures_reading.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using std::chrono::microseconds;
using ::testing::HasSubstr;
using ::testing::Not;

/// The lines that `write` logs at `level`.
std::vector<std::string> lines_of(base::log::Level level, const std::function<void()>& write) {
  ::testing::internal::CaptureStderr();
  base::log::start(level);
  write();
  base::log::stop();
  std::istringstream text(::testing::internal::GetCapturedStderr());
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

model::Message message() {
  model::Message made = testing::sample_message(42, "room");
  made.correlation_id = "c-1";
  made.trace = base::parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  return made;
}

TEST(MessageLines, LatencyHasWhatTheContractNames) {
  MessageLines lines;
  const auto written = lines_of(base::log::Level::info, [&] {
    EXPECT_TRUE(MessageLines::wants_latencies());
    lines.latency(message(), microseconds(245'125), base::monotonic_now());
  });
  ASSERT_EQ(written.size(), 1u);
  const std::string& line = written[0];
  EXPECT_THAT(line, HasSubstr(R"("level":"INFO","event_type":"latency_measurement","message":")"));
  EXPECT_THAT(line, HasSubstr(R"("messageId":")"));
  EXPECT_THAT(line,
              HasSubstr(R"("chatId":"room","sequenceNumber":42,"userId":"alice","correlation_id":"c-1",)"
                        R"("trace_id":"0af7651916cd43dd8448eb211c80319c","latency_ms":245.125)"));
  EXPECT_THAT(line, Not(HasSubstr("content")));
}

TEST(MessageLines, AFewASecondAreWrittenAndTheRestIsCounted) {
  MessageLines lines;
  const base::Monotonic now = base::monotonic_now();
  const auto written = lines_of(base::log::Level::info, [&] {
    for (int i = 0; i < 1000; ++i) lines.latency(message(), microseconds(i), now);
    lines.report_suppressed();
    lines.report_suppressed();
  });
  ASSERT_EQ(written.size(), 11u);
  EXPECT_THAT(written[10], HasSubstr(R"("event_type":"latency_measurement_sampled")"));
  EXPECT_THAT(written[10], HasSubstr(R"("count":990,"total":990)"));
  const auto set = testing::figures_of(lines);
  EXPECT_EQ(
      testing::value(set, "carillon_log_lines_suppressed_total", {{"event_type", "latency_measurement"}}),
      990);
  EXPECT_EQ(testing::value(set, "carillon_log_lines_suppressed_total", {{"event_type", "delivery"}}), 0);
}

TEST(MessageLines, DeliveriesHaveTheirLevel) {
  MessageLines lines;
  processor::SettledDelivery delivery;
  delivery.message = std::make_shared<const model::Message>(message());
  const auto write = [&](processor::DeliveryResult result) {
    delivery.result = result;
    lines.delivery(delivery, base::monotonic_now());
  };
  const auto written = lines_of(base::log::Level::info, [&] {
    write(processor::DeliveryResult::delivered);
    write(processor::DeliveryResult::undelivered);
    delivery.delivered = 2;
    delivery.failed.resize(1);
    write(processor::DeliveryResult::partial_failure);
    write(processor::DeliveryResult::failed);
  });
  ASSERT_EQ(written.size(), 3u) << "what succeeded is for debug";
  EXPECT_THAT(written[0],
              HasSubstr(R"("level":"INFO","event_type":"delivery","message":"UndeliveredMessage")"));
  EXPECT_THAT(written[1], HasSubstr(R"("level":"WARN","event_type":"delivery","message":"PartialFailure")"));
  EXPECT_THAT(written[2], HasSubstr(R"("level":"WARN","event_type":"delivery","message":"DeliveryFailure")"));
  for (const char* part : {R"("chatId":"room")", R"("sequenceNumber":42)", R"("correlation_id":"c-1")",
                           R"("target":"chat:room")", R"("trace_id":"0af7651916cd43dd8448eb211c80319c")",
                           R"("delivered":2,"gone":0,"failed":1)"})
    EXPECT_THAT(written[1], HasSubstr(part));
}

TEST(MessageLines, ManyOfOneResultHideNoneOfAnother) {
  MessageLines lines;
  const base::Monotonic now = base::monotonic_now();
  const auto written = lines_of(base::log::Level::info, [&] {
    processor::SettledDelivery delivery;
    delivery.message = std::make_shared<const model::Message>(message());
    using enum processor::DeliveryResult;
    for (const auto [result, count] : {std::pair(undelivered, 1000), {failed, 23}, {partial_failure, 1}})
      for (int i = 0; i < count; ++i) {
        delivery.result = result;
        lines.delivery(delivery, now);
      }
    lines.report_suppressed();
    lines.report_suppressed();
  });
  const auto count = [&](std::string_view part) {
    return std::ranges::count_if(written, [&](const std::string& line) { return line.contains(part); });
  };
  EXPECT_EQ(count(R"("event_type":"delivery","message":"UndeliveredMessage")"), 20);
  EXPECT_EQ(count(R"("event_type":"delivery","message":"DeliveryFailure")"), 20);
  EXPECT_EQ(count(R"("event_type":"delivery","message":"PartialFailure")"), 1);
  ASSERT_EQ(written.size(), 43u);
  EXPECT_THAT(written[41], HasSubstr(R"("level":"INFO","event_type":"delivery_sampled")"));
  EXPECT_THAT(written[41], HasSubstr(R"("result":"UndeliveredMessage","count":980,"total":980)"));
  EXPECT_THAT(written[42], HasSubstr(R"("level":"WARN","event_type":"delivery_sampled")"));
  EXPECT_THAT(written[42], HasSubstr(R"("result":"DeliveryFailure","count":3,"total":3)"));
  EXPECT_EQ(testing::value(testing::figures_of(lines), "carillon_log_lines_suppressed_total",
                           {{"event_type", "delivery"}}),
            983);
}

TEST(MessageLines, DeadLettersAndFailingWebhooksAreHeldBackApart) {
  MessageLines lines;
  const base::Monotonic now = base::monotonic_now();
  const model::Message sent = message();
  ports::QueuedMessage letter{
      .message = std::make_shared<const model::Message>(sent), .attempts = 3, .reason = "slow"};
  const auto written = lines_of(base::log::Level::info, [&] {
    for (int i = 0; i < 50; ++i) lines.dead_letter("WebSocketFifoDLQ", letter, now);
    for (int i = 0; i < 30; ++i)
      lines.webhook_failed("Email", i % 2 == 0 ? &sent : nullptr, 2, "status 500", now);
    lines.report_suppressed();
  });
  ASSERT_EQ(written.size(), 42u);
  EXPECT_THAT(written[0], HasSubstr(R"("level":"WARN","event_type":"dead_letter")"));
  EXPECT_THAT(written[0],
              HasSubstr(R"("queue":"WebSocketFifoDLQ","attempts":3,"failed_recipients":0,"reason":"slow")"));
  EXPECT_THAT(written[21], HasSubstr(R"("channel":"Email","attempt":2,"reason":"status 500")"));
  EXPECT_THAT(written[40], HasSubstr(R"("event_type":"dead_letter_sampled")"));
  EXPECT_THAT(written[40], HasSubstr(R"("count":30,"total":30)"));
  EXPECT_THAT(written[41], HasSubstr(R"("event_type":"webhook_failed_sampled")"));
  EXPECT_THAT(written[41], HasSubstr(R"("count":10,"total":10)"));
  const auto set = testing::figures_of(lines);
  EXPECT_EQ(testing::value(set, "carillon_log_lines_suppressed_total", {{"event_type", "dead_letter"}}), 30);
  EXPECT_EQ(testing::value(set, "carillon_log_lines_suppressed_total", {{"event_type", "webhook_failed"}}),
            10);
}

TEST(MessageLines, NothingIsCountedAsHeldBackThatNobodyWants) {
  MessageLines lines;
  const auto written = lines_of(base::log::Level::error, [&] {
    EXPECT_FALSE(MessageLines::wants_latencies());
    processor::SettledDelivery delivery;
    delivery.message = std::make_shared<const model::Message>(message());
    for (int i = 0; i < 100; ++i) lines.delivery(delivery, base::monotonic_now());
    lines.report_suppressed();
  });
  EXPECT_TRUE(written.empty());
  EXPECT_EQ(testing::total(testing::figures_of(lines), "carillon_log_lines_suppressed_total"), 0);
}

}  // namespace
}  // namespace carillon::embedded
