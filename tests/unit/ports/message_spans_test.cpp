#include "ports/message_spans.hpp"

#include <gtest/gtest.h>

#include "unit/ports/fake_tracer.hpp"

namespace carillon::ports {
namespace {

model::Message traced(bool sampled) {
  model::Message message;
  message.id = model::MessageId::generate(1);
  message.trace = base::new_trace(sampled);
  return message;
}

TEST(MessageSpans, AreWantedOnlyOfSampledMessagesWhileTracingIsOn) {
  testing::FakeTracer tracer;
  EXPECT_FALSE(MessageSpans().on());
  EXPECT_FALSE(MessageSpans().wants(traced(true)));
  const MessageSpans spans(&tracer);
  EXPECT_TRUE(spans.on());
  EXPECT_TRUE(spans.wants(traced(true)));
  EXPECT_FALSE(spans.wants(traced(false)));
  EXPECT_FALSE(spans.wants(model::Message{}));
}

TEST(MessageSpans, AreChildrenOfThePublishing) {
  testing::FakeTracer tracer;
  const MessageSpans spans(&tracer);
  const model::Message message = traced(true);
  spans.record("commit", message, 100, 250, {{"messages", "3"}}, true);
  spans.record("queue", message, 300, 200);
  const auto recorded = tracer.spans();
  ASSERT_EQ(recorded.size(), 2u);
  const Span& span = recorded[0];
  EXPECT_EQ(span.name, "commit");
  EXPECT_EQ(span.context.trace_id, message.trace->trace_id);
  EXPECT_EQ(span.parent, message.trace->span_id);
  EXPECT_NE(span.context.span_id, message.trace->span_id);
  EXPECT_EQ(span.start_ns, 100);
  EXPECT_EQ(span.end_ns, 250);
  EXPECT_TRUE(span.failed);
  const MessageSpans::Attributes expected{{"messages", "3"}, {"messageId", message.id.str()}};
  EXPECT_EQ(span.attributes, expected);
  EXPECT_EQ(recorded[1].end_ns, 300) << "the clock was set back meanwhile";
  EXPECT_NE(recorded[1].context.span_id, span.context.span_id);
}

}  // namespace
}  // namespace carillon::ports
