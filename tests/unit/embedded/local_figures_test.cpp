#include <set>

#include "unit/embedded/figures_reading.hpp"
#include "unit/embedded/local_node_fixture.hpp"

namespace carillon::embedded::testing {
namespace {

using std::chrono::milliseconds;

class LocalFiguresTest : public LocalNodeTest {
 protected:
  ports::MetricSet figures() { return figures_of(node_->figures()); }
  double now(std::string_view family, const ports::Labels& labels = {}) {
    return value(figures(), family, labels);
  }
  const base::Histogram histogram(std::string_view family) { return sample(figures(), family).histogram; }
  /// Asks until it is so: what moves figures runs on other threads.
  bool becomes(double wanted, std::string_view family, const ports::Labels& labels = {}) {
    const auto deadline = base::monotonic_now() + std::chrono::seconds(20);
    while (now(family, labels) != wanted)
      if (base::monotonic_now() > deadline) return false;
    return true;
  }
  void subscribe_bob() {
    ASSERT_TRUE(grant("bob", "room"));
    ASSERT_TRUE(connect("bob", "c-bob", {"room"}));
  }
};

TEST_F(LocalFiguresTest, have_exactly_the_families_of_the_list) {
  open();
  const std::set<std::string, std::less<>> expected{"carillon_messages_published_total",
                                                    "carillon_messages_deduplicated_total",
                                                    "carillon_publish_refused_total",
                                                    "carillon_publisher_to_processor_latency_seconds",
                                                    "carillon_high_latency_messages_total",
                                                    "carillon_deliveries_total",
                                                    "carillon_recipients_total",
                                                    "carillon_delivery_duration_seconds",
                                                    "carillon_messages_stored_total",
                                                    "carillon_storage_failures_total",
                                                    "carillon_queue_depth",
                                                    "carillon_queue_in_flight",
                                                    "carillon_queue_oldest_age_seconds",
                                                    "carillon_dead_letters",
                                                    "carillon_dead_letters_added_total",
                                                    "carillon_dead_letters_dropped_total",
                                                    "carillon_messages_redriven_total",
                                                    "carillon_webhook_attempts_total",
                                                    "carillon_commits_total",
                                                    "carillon_commit_duration_seconds",
                                                    "carillon_commit_batch_size",
                                                    "carillon_commit_bytes_total",
                                                    "carillon_commit_failures_total",
                                                    "carillon_store_size_bytes",
                                                    "carillon_store_wal_bytes",
                                                    "carillon_store_memtable_bytes",
                                                    "carillon_store_block_cache_bytes",
                                                    "carillon_store_write_stopped",
                                                    "carillon_store_write_delayed",
                                                    "carillon_store_stall_seconds_total",
                                                    "carillon_store_usable",
                                                    "carillon_store_reopened_total",
                                                    "carillon_disk_available_bytes",
                                                    "carillon_permission_changes_total",
                                                    "carillon_delivery_results_dropped_total",
                                                    "carillon_loop_lag_seconds",
                                                    "carillon_loop_overdue_seconds",
                                                    "carillon_log_lines_suppressed_total"};
  std::set<std::string, std::less<>> names;
  const auto set = figures();
  for (const auto& [name, family] : set.families()) {
    names.insert(name);
    EXPECT_FALSE(family.help.empty()) << name;
    EXPECT_EQ(name.ends_with("_total"), family.kind == ports::MetricKind::counter) << name;
    std::set<ports::Labels> labels;
    for (const ports::MetricSample& each : family.samples)
      EXPECT_TRUE(labels.insert(each.labels).second) << name << " twice";
  }
  EXPECT_EQ(names, expected);
  for (const char* event_type : {"latency_measurement", "delivery", "dead_letter", "webhook_failed",
                                 "message_storage_failed", "permission_refused"})
    EXPECT_EQ(value(set, "carillon_log_lines_suppressed_total", {{"event_type", event_type}}), 0)
        << event_type;
}

TEST_F(LocalFiguresTest, follow_a_message_to_its_recipient) {
  open();
  subscribe_bob();
  const auto before = figures();
  auto publication = fifo("room", "a");
  publication.accepted_at = base::monotonic_now() - milliseconds(1500);
  const auto receipt = publish(publication);
  ASSERT_TRUE(receipt);
  EXPECT_TRUE(becomes(1, "carillon_deliveries_total", {{"result", "successful"}}));
  EXPECT_TRUE(becomes(1, "carillon_messages_stored_total"));
  EXPECT_EQ(now("carillon_messages_published_total", {{"type", "fifo"}, {"path", "a2p"}}), 1);
  EXPECT_EQ(now("carillon_recipients_total", {{"outcome", "delivered"}}), 1);
  const auto latency = histogram("carillon_publisher_to_processor_latency_seconds");
  EXPECT_EQ(latency.count(), 1u);
  EXPECT_GE(latency.min(), 1'500'000u * 98 / 100) << "since it was taken in, in microseconds";
  EXPECT_EQ(now("carillon_high_latency_messages_total", {{"measured", "server"}}), 1);
  EXPECT_EQ(histogram("carillon_delivery_duration_seconds").count(), 1u);
  EXPECT_GE(now("carillon_commits_total"), value(before, "carillon_commits_total") + 1);
  EXPECT_GT(now("carillon_commit_bytes_total"), value(before, "carillon_commit_bytes_total"));
  EXPECT_EQ(now("carillon_permission_changes_total", {{"change", "granted"}}), 1);

  EXPECT_TRUE(publish(publication)->deduplicated);
  EXPECT_EQ(now("carillon_messages_deduplicated_total"), 1);
  EXPECT_EQ(now("carillon_messages_published_total", {{"type", "fifo"}, {"path", "a2p"}}), 1);
  const auto times = node_->message_times().find(receipt->id);
  ASSERT_TRUE(times);
  EXPECT_EQ(times->published_at, receipt->published_at);
  EXPECT_GE(times->processed_at, receipt->published_at);
  EXPECT_FALSE(node_->message_times().find(model::MessageId::generate(1)));
}

TEST_F(LocalFiguresTest, tell_messages_for_nobody_and_ephemeral_ones) {
  open();
  ASSERT_TRUE(publish(fifo("room", "a")));
  EXPECT_TRUE(becomes(1, "carillon_deliveries_total", {{"result", "undelivered"}}));
  EXPECT_EQ(histogram("carillon_delivery_duration_seconds").count(), 0u);
  auto typing = fifo("room", "b");
  typing.type = model::MessageType::ephemeral;
  typing.connection = ConnectionId("c-ann");
  ASSERT_TRUE(publish(typing));
  EXPECT_EQ(now("carillon_messages_published_total", {{"type", "ephemeral"}, {"path", "p2p"}}), 1);
  const auto deadline = base::monotonic_now() + std::chrono::seconds(20);
  while (histogram("carillon_publisher_to_processor_latency_seconds").count() < 2)
    ASSERT_LT(base::monotonic_now(), deadline);
}

TEST_F(LocalFiguresTest, count_refusals_by_what_was_answered) {
  settings_.bus.publish_per_second = 1;
  settings_.bus.publish_burst = 1;
  open();
  auto publication = fifo("room", "a");
  publication.identity = identity("eve");
  publication.sender = UserId("eve");
  EXPECT_FALSE(publish(publication));
  EXPECT_FALSE(publish(publication));
  EXPECT_EQ(now("carillon_publish_refused_total", {{"reason", "no_chat_access"}}), 1);
  EXPECT_EQ(now("carillon_publish_refused_total", {{"reason", "too_many_requests"}}), 1);
  EXPECT_EQ(total(figures(), "carillon_messages_published_total"), 0);
}

TEST_F(LocalFiguresTest, follow_a_dead_letter_and_its_redrive) {
  open();
  subscribe_bob();
  gateway_.fail_with("outbound buffer full");
  ASSERT_TRUE(publish(fifo("room", "a")));
  const ports::Labels dlq{{"queue", "WebSocketFifoDLQ"}};
  EXPECT_TRUE(becomes(1, "carillon_dead_letters", dlq));
  EXPECT_EQ(now("carillon_dead_letters_added_total", dlq), 1);
  EXPECT_EQ(now("carillon_deliveries_total", {{"result", "failure"}}), 1);
  EXPECT_EQ(now("carillon_recipients_total", {{"outcome", "failed"}}), 1);
  reopen();
  EXPECT_EQ(now("carillon_dead_letters", dlq), 1) << "a level: it is still there";
  EXPECT_EQ(now("carillon_dead_letters_added_total", dlq), 0) << "a counter: since the start";
  ASSERT_TRUE(connect("bob", "c-bob", {"room"}));
  gateway_.fail_with("");
  ASSERT_TRUE(await<std::uint64_t>(
      [&](auto done) { node_->queues().redrive("WebSocketFifoDLQ", {}, std::move(done)); }));
  EXPECT_EQ(now("carillon_dead_letters", dlq), 0);
  EXPECT_EQ(now("carillon_messages_redriven_total"), 1);
  EXPECT_TRUE(becomes(1, "carillon_deliveries_total", {{"result", "successful"}}));
  EXPECT_EQ(histogram("carillon_publisher_to_processor_latency_seconds").count(), 0u)
      << "it was published long ago";
}

TEST_F(LocalFiguresTest, show_queues_while_the_bus_loop_is_silent) {
  open();
  subscribe_bob();
  gateway_.hold(true);
  ASSERT_TRUE(publish(fifo("room", "a")));
  const ports::Labels queue{{"queue", "WebSocketFifoQueue"}};
  EXPECT_TRUE(becomes(1, "carillon_queue_depth", queue)) << "at the loop's next tick";
  EXPECT_EQ(now("carillon_queue_in_flight", queue), 1);
  const double age = now("carillon_queue_oldest_age_seconds", queue);
  const auto deadline = base::monotonic_now() + std::chrono::seconds(20);
  while (now("carillon_queue_oldest_age_seconds", queue) <= age) ASSERT_LT(base::monotonic_now(), deadline);
  gateway_.hold(false);
  EXPECT_TRUE(becomes(0, "carillon_queue_depth", queue));
  EXPECT_TRUE(becomes(0, "carillon_queue_oldest_age_seconds", queue));
  EXPECT_GT(sample(figures(), "carillon_loop_lag_seconds", {{"loop", "bus"}}).histogram.count(), 0u);
}

TEST_F(LocalFiguresTest, tell_that_the_bus_loop_hangs) {
  open();
  const ports::Labels bus{{"loop", "bus"}};
  EXPECT_LT(now("carillon_loop_overdue_seconds", bus), 5);
  std::promise<void> free;
  node_->reload(settings_.bus, [&](auto) { free.get_future().wait(); });
  const auto deadline = base::monotonic_now() + std::chrono::seconds(20);
  while (now("carillon_loop_overdue_seconds", bus) < 0.2) ASSERT_LT(base::monotonic_now(), deadline);
  free.set_value();
  EXPECT_TRUE(becomes(0, "carillon_loop_overdue_seconds", bus));
}

TEST_F(LocalFiguresTest, what_is_queued_again_after_a_restart_is_not_measured_twice) {
  open();
  subscribe_bob();
  gateway_.hold(true);
  ASSERT_TRUE(publish(fifo("room", "a")));
  EXPECT_EQ(gateway_.frames(1).size(), 1u);
  EXPECT_EQ(histogram("carillon_publisher_to_processor_latency_seconds").count(), 1u);
  reopen();
  EXPECT_TRUE(becomes(1, "carillon_deliveries_total", {{"result", "undelivered"}}))
      << "nobody is connected yet";
  EXPECT_EQ(histogram("carillon_publisher_to_processor_latency_seconds").count(), 0u);
  EXPECT_EQ(now("carillon_messages_published_total", {{"type", "fifo"}, {"path", "a2p"}}), 0);
}

TEST_F(LocalFiguresTest, tell_that_the_store_failed_and_came_back) {
  open();
  EXPECT_EQ(now("carillon_store_usable"), 1);
  EXPECT_GT(now("carillon_disk_available_bytes"), 0);
  EXPECT_EQ(now("carillon_store_stall_seconds_total"), 0);
  disk_.fail_sync = true;
  disk_.fail_new_files = true;
  ASSERT_FALSE(publish(fifo("room", "a")));
  EXPECT_EQ(now("carillon_store_usable"), 0);
  EXPECT_GE(now("carillon_commit_failures_total"), 1);
  EXPECT_GE(now("carillon_publish_refused_total", {{"reason", "overloaded"}}), 1);
  disk_.fail_sync = false;
  disk_.fail_new_files = false;
  EXPECT_TRUE(becomes(1, "carillon_store_usable"));
  EXPECT_TRUE(becomes(1, "carillon_store_reopened_total"));
}

TEST_F(LocalFiguresTest, count_attempts_of_webhooks) {
  settings_.bus.channels.push_back({"Email", "http://127.0.0.1:9/hook", "secret", "", false});
  open();
  http_.answer_with({500, 200});
  auto publication = fifo("room", "a");
  publication.channel = "Email";
  publication.trace = base::new_trace(false);
  ASSERT_TRUE(publish(publication));
  EXPECT_TRUE(becomes(1, "carillon_webhook_attempts_total", {{"result", "delivered"}}));
  EXPECT_EQ(now("carillon_webhook_attempts_total", {{"result", "failed"}}), 1);
  EXPECT_EQ(total(figures(), "carillon_deliveries_total"), 0) << "those are of sockets";
  const auto headers = http_.requests(1).front().headers;
  const auto traceparent =
      std::ranges::find(headers, "traceparent", &std::pair<std::string, std::string>::first);
  ASSERT_NE(traceparent, headers.end());
  EXPECT_EQ(traceparent->second, base::format_traceparent(*publication.trace));
}

}  // namespace
}  // namespace carillon::embedded::testing
