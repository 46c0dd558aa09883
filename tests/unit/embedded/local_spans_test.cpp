#include <map>

#include "unit/embedded/local_node_fixture.hpp"
#include "unit/ports/fake_tracer.hpp"

namespace carillon::embedded::testing {
namespace {

using ports::Span;

class LocalSpansTest : public LocalNodeTest {
 protected:
  LocalSpansTest() { settings_.tracer = &tracer_; }
  // The node records until it has stopped.
  ~LocalSpansTest() override { close(); }

  ports::Publication traced(bool sampled, std::string content) {
    auto publication = fifo("room", std::move(content));
    publication.trace = base::new_trace(sampled);
    return publication;
  }
  /// The spans of a trace by name, once there are `count`.
  std::map<std::string, Span> spans(const base::TraceContext& trace, std::size_t count) {
    const auto deadline = base::monotonic_now() + std::chrono::seconds(20);
    std::map<std::string, Span> found;
    do {
      found.clear();
      for (Span& each : tracer_.spans())
        if (each.context.trace_id == trace.trace_id) found.emplace(each.name, std::move(each));
    } while (found.size() < count && base::monotonic_now() < deadline);
    EXPECT_EQ(found.size(), count);
    return found;
  }
  static std::string attribute(const Span& span, std::string_view name) {
    const auto found =
        std::ranges::find(span.attributes, name, &std::pair<std::string_view, std::string>::first);
    return found == span.attributes.end() ? "(none)" : found->second;
  }

  ports::testing::FakeTracer tracer_;
};

TEST_F(LocalSpansTest, follow_a_sampled_message_from_commit_to_store) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_TRUE(connect("bob", "c-bob", {"room"}));
  const std::int64_t start = base::now_ns();
  const auto publication = traced(true, "a");
  const auto receipt = publish(publication);
  auto found = spans(*publication.trace, 5);
  for (const char* name : {"commit", "queue", "process", "deliver", "store"}) {
    ASSERT_TRUE(found.contains(name)) << name;
    const Span& span = found[name];
    EXPECT_EQ(span.parent, publication.trace->span_id) << name;
    EXPECT_TRUE(span.context.sampled);
    EXPECT_GE(span.start_ns, start) << name;
    EXPECT_LE(span.start_ns, span.end_ns) << name;
    EXPECT_LE(span.end_ns, base::now_ns()) << name;
    EXPECT_FALSE(span.failed) << name;
    EXPECT_EQ(attribute(span, "messageId"), receipt->id.str()) << name;
  }
  EXPECT_EQ(found["queue"].start_ns, found["commit"].end_ns) << "from when it was durable";
  EXPECT_EQ(found["queue"].end_ns, found["process"].start_ns);
  EXPECT_GE(found["deliver"].start_ns, found["process"].start_ns);
  EXPECT_EQ(attribute(found["queue"], "queue"), "WebSocketFifoQueue");
  EXPECT_EQ(attribute(found["deliver"], "result"), "successful");
  EXPECT_EQ(attribute(found["deliver"], "delivered"), "1");
  EXPECT_EQ(attribute(found["deliver"], "failed"), "0");
  const auto frames = gateway_.frames(1);
  EXPECT_NE(frames.at(0).find(base::format_traceparent(*publication.trace)), std::string::npos);
}

TEST_F(LocalSpansTest, are_none_of_messages_that_are_not_sampled) {
  open();
  const auto unsampled = traced(false, "a");
  const auto sampled = traced(true, "c");
  ASSERT_TRUE(publish(unsampled));
  ASSERT_TRUE(publish(fifo("room", "b")));
  ASSERT_TRUE(publish(sampled));
  auto found = spans(*sampled.trace, 5);
  EXPECT_EQ(attribute(found["deliver"], "result"), "undelivered");
  close();
  EXPECT_EQ(tracer_.spans().size(), 5u) << "of the sampled one only, once everything is over";
}

TEST_F(LocalSpansTest, say_what_failed) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  ASSERT_TRUE(connect("bob", "c-bob", {"room"}));
  gateway_.fail_with("outbound buffer full");
  const auto slow = traced(true, "a");
  ASSERT_TRUE(publish(slow));
  auto found = spans(*slow.trace, 5);
  EXPECT_TRUE(found["deliver"].failed);
  EXPECT_EQ(attribute(found["deliver"], "result"), "failure");
  EXPECT_EQ(attribute(found["deliver"], "failed"), "1");

  disk_.fail_sync = true;
  const auto lost = traced(true, "b");
  ASSERT_FALSE(publish(lost));
  const auto of_lost = spans(*lost.trace, 1);
  EXPECT_TRUE(of_lost.at("commit").failed);
  disk_.fail_sync = false;
}

TEST_F(LocalSpansTest, follow_each_attempt_of_a_webhook) {
  settings_.bus.channels.push_back({"Email", "http://127.0.0.1:9/hook", "secret", "", false});
  open();
  http_.answer_with({500});
  auto publication = traced(true, "a");
  publication.channel = "Email";
  ASSERT_TRUE(publish(publication));
  const auto deadline = base::monotonic_now() + std::chrono::seconds(20);
  std::vector<Span> attempts;
  while (attempts.size() < 2 && base::monotonic_now() < deadline) {
    attempts = tracer_.spans();
    std::erase_if(attempts, [](const Span& each) { return each.name != "deliver"; });
  }
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_TRUE(attempts[0].failed);
  EXPECT_FALSE(attempts[1].failed);
  EXPECT_EQ(attribute(attempts[1], "channel"), "Email");
  EXPECT_EQ(attempts[1].parent, publication.trace->span_id);
}

}  // namespace
}  // namespace carillon::embedded::testing
