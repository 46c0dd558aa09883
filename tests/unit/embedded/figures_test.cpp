// The classes that keep figures, each for itself; together with the node in local_figures_test.cpp.
#include <gtest/gtest.h>

#include "embedded/delivery_figures.hpp"
#include "embedded/publish_figures.hpp"
#include "embedded/queue_figures.hpp"
#include "embedded/stall_clock.hpp"
#include "unit/embedded/figures_reading.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using processor::DeliveryResult;
using std::chrono::milliseconds;
using testing::figures_of;
using testing::sample;
using testing::total;
using testing::value;

TEST(PublishFigures, CountByTypePathAndReason) {
  PublishFigures figures;
  figures.published(model::MessageType::fifo, true);
  figures.published(model::MessageType::fifo, true);
  figures.published(model::MessageType::standard, false);
  figures.published(model::MessageType::ephemeral, true);
  figures.deduplicated();
  figures.refused(base::Error(errors::kTooManyRequests));
  figures.refused(model::retry_later(errors::kOverloaded, 1000));
  figures.refused(base::Error(errors::kOverloaded, "disk nearly full"));
  figures.refused(base::Error(errors::kGone));
  const auto set = figures_of(figures);
  constexpr auto kPublished = "carillon_messages_published_total";
  EXPECT_EQ(value(set, kPublished, {{"type", "fifo"}, {"path", "p2p"}}), 2);
  EXPECT_EQ(value(set, kPublished, {{"type", "standard"}, {"path", "a2p"}}), 1);
  EXPECT_EQ(value(set, kPublished, {{"type", "ephemeral"}, {"path", "p2p"}}), 1);
  EXPECT_EQ(total(set, kPublished), 4);
  EXPECT_EQ(value(set, "carillon_messages_deduplicated_total"), 1);
  constexpr auto kRefused = "carillon_publish_refused_total";
  EXPECT_EQ(value(set, kRefused, {{"reason", "overloaded"}}), 2);
  EXPECT_EQ(value(set, kRefused, {{"reason", "too_many_requests"}}), 1);
  EXPECT_EQ(value(set, kRefused, {{"reason", "internal"}}), 1) << "what the list does not have";
  EXPECT_EQ(value(set, kRefused, {{"reason", "no_chat_access"}}), 0) << "shown before it ever happens";
  EXPECT_EQ(total(set, kRefused), 4);
}

TEST(DeliveryFigures, CountLatenciesOverTheLimit) {
  DeliveryFigures figures(1000);
  figures.taken_up(milliseconds(1000));
  figures.taken_up(milliseconds(1000) + std::chrono::nanoseconds(1));
  figures.taken_up(std::chrono::microseconds(250));
  figures.taken_up(-milliseconds(3));
  const auto set = figures_of(figures);
  EXPECT_EQ(value(set, "carillon_high_latency_messages_total", {{"measured", "server"}}), 1);
  const auto& latency = sample(set, "carillon_publisher_to_processor_latency_seconds").histogram;
  EXPECT_EQ(latency.count(), 4u);
  EXPECT_EQ(latency.sum(), 2'000'250u);
  EXPECT_EQ(latency.min(), 0u) << "a clock that was set back";
}

TEST(DeliveryFigures, CountResultsRecipientsAndTime) {
  DeliveryFigures figures(1000);
  const base::Monotonic start = base::Monotonic{} + std::chrono::hours(1);
  processor::SettledDelivery delivery;
  delivery.result = DeliveryResult::partial_failure;
  delivery.delivered = 3;
  delivery.gone = 2;
  delivery.failed.resize(1);
  delivery.handed_over = start;
  figures.settled(delivery, start + milliseconds(7));
  figures.settled({.result = DeliveryResult::delivered, .delivered = 5, .handed_over = start},
                  start + milliseconds(1));
  figures.settled({.result = DeliveryResult::failed, .handed_over = start}, start);
  figures.settled({.result = DeliveryResult::undelivered}, start);
  figures.settled({.result = DeliveryResult::undelivered}, start);
  const auto set = figures_of(figures);
  constexpr auto kDeliveries = "carillon_deliveries_total";
  EXPECT_EQ(value(set, kDeliveries, {{"result", "successful"}}), 1);
  EXPECT_EQ(value(set, kDeliveries, {{"result", "partial_failure"}}), 1);
  EXPECT_EQ(value(set, kDeliveries, {{"result", "failure"}}), 1);
  EXPECT_EQ(value(set, kDeliveries, {{"result", "undelivered"}}), 2);
  EXPECT_EQ(value(set, "carillon_recipients_total", {{"outcome", "delivered"}}), 8);
  EXPECT_EQ(value(set, "carillon_recipients_total", {{"outcome", "gone"}}), 2);
  EXPECT_EQ(value(set, "carillon_recipients_total", {{"outcome", "failed"}}), 1);
  const auto& duration = sample(set, "carillon_delivery_duration_seconds").histogram;
  EXPECT_EQ(duration.count(), 3u) << "what nobody was there for took no time";
  EXPECT_EQ(duration.sum(), 8000u);
}

TEST(QueueFigures, ShowWhatTheLoopSaidLast) {
  QueueFigures figures(
      {{.name = "AQueue", .dead_letter_queue = "ADLQ"}, {.name = "BQueue", .dead_letter_queue = "BDLQ"}});
  auto set = figures_of(figures);
  EXPECT_EQ(total(set, "carillon_queue_depth"), 0);
  EXPECT_EQ(total(set, "carillon_queue_oldest_age_seconds"), 0);
  figures.set(1, {5, 3, base::now_ms() - 90'000});
  figures.set_dead_letters(0, 4);
  figures.dead_letter_added(0);
  figures.dead_letter_added(0);
  figures.dead_letters_dropped(7);
  figures.redriven(2);
  set = figures_of(figures);
  EXPECT_EQ(value(set, "carillon_queue_depth", {{"queue", "BQueue"}}), 5);
  EXPECT_EQ(value(set, "carillon_queue_in_flight", {{"queue", "BQueue"}}), 3);
  EXPECT_EQ(value(set, "carillon_queue_depth", {{"queue", "AQueue"}}), 0);
  EXPECT_GE(value(set, "carillon_queue_oldest_age_seconds", {{"queue", "BQueue"}}), 90);
  EXPECT_LT(value(set, "carillon_queue_oldest_age_seconds", {{"queue", "BQueue"}}), 150);
  EXPECT_EQ(value(set, "carillon_dead_letters", {{"queue", "ADLQ"}}), 4);
  EXPECT_EQ(value(set, "carillon_dead_letters_added_total", {{"queue", "ADLQ"}}), 2);
  EXPECT_EQ(value(set, "carillon_dead_letters_dropped_total"), 7);
  EXPECT_EQ(value(set, "carillon_messages_redriven_total"), 2);
  figures.set(1, {0, 0, base::now_ms() + 60'000});
  EXPECT_EQ(total(figures_of(figures), "carillon_queue_oldest_age_seconds"), 0) << "not from the future";
}

rocksdb::WriteStallInfo stall(rocksdb::WriteStallCondition before, rocksdb::WriteStallCondition now) {
  rocksdb::WriteStallInfo info;
  info.condition.prev = before;
  info.condition.cur = now;
  return info;
}

TEST(StallClock, RunsWhileAnyColumnFamilyIsBehind) {
  using enum rocksdb::WriteStallCondition;
  StallClock clock;
  EXPECT_EQ(clock.total().count(), 0);
  const base::Monotonic start = base::monotonic_now();
  clock.OnStallConditionsChanged(stall(kNormal, kDelayed));
  clock.OnStallConditionsChanged(stall(kNormal, kStopped));
  clock.OnStallConditionsChanged(stall(kDelayed, kStopped));
  clock.OnStallConditionsChanged(stall(kStopped, kNormal));
  const base::Monotonic still = base::monotonic_now();
  while (base::monotonic_now() - still < milliseconds(2)) std::this_thread::yield();
  EXPECT_GE(clock.total(), milliseconds(2)) << "one is behind still";
  clock.OnStallConditionsChanged(stall(kStopped, kNormal));
  const auto total = clock.total();
  EXPECT_GE(total, milliseconds(2));
  EXPECT_LE(total, base::monotonic_now() - start);
  EXPECT_EQ(clock.total(), total) << "it stands";
  clock.OnStallConditionsChanged(stall(kStopped, kNormal));
  EXPECT_EQ(clock.total(), total);
}

}  // namespace
}  // namespace carillon::embedded
