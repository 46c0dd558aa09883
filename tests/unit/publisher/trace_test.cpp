#include <gtest/gtest.h>

#include "publisher/http_message_publisher.hpp"
#include "publisher/websocket_message_publisher.hpp"
#include "unit/ports/fake_tracer.hpp"

namespace carillon::publisher {
namespace {

const std::string kTraceId = "0af7651916cd43dd8448eb211c80319c";
const std::string kSpanId = "b7ad6b7169203331";
const std::string kIncoming = "00-" + kTraceId + "-" + kSpanId + "-01";
const std::string kMessage =
    R"("targetChannel":"WebSocket","messageType":"fifo","payload":{"chatId":"c","eventType":"e","content":"hush"})";

/// Refuses what is for chat `full`, accepts the rest.
struct Bus final : ports::MessageBus {
  void publish(ports::Publication publication, ports::Completion<ports::Receipt> done) override {
    taken.push_back(publication);
    if (publication.target.id == "lost") return;
    if (publication.target.id == "full") return done(model::fail(model::errors::kOverloaded));
    done(ports::Receipt{.id = model::MessageId::generate(1'750'000'000'000),
                        .published_at = 1'750'000'000'000});
  }
  std::vector<ports::Publication> taken;
};

struct Socket final : ports::SocketHandle {
  void send(std::string text) override { sent.push_back(std::move(text)); }
  void close(std::uint16_t, std::string) override {}
  void set_identity(model::IdentityPtr) override {}
  std::vector<std::string> sent;
};

class PublisherTraceTest : public ::testing::Test {
 protected:
  PublisherTraceTest() {
    auto made = std::make_shared<model::Identity>();
    made->user = model::UserId("ann");
    identity_ = made;
  }
  /// What the socket is answered.
  std::string send(const std::string& members, ports::Tracer* tracer, std::size_t answers = 1) {
    WebSocketMessagePublisher publisher(bus_, channels_, tracer);
    const auto socket = std::make_shared<Socket>();
    const ports::SocketPtr handle = socket;
    const model::ConnectionId connection("c1");
    const std::string frame = "{\"action\":\"sendMessage\"," + members + "}";
    const auto document = model::JsonDocument::parse(frame);
    EXPECT_TRUE(document) << frame;
    publisher.on_send_message({connection, identity_, handle}, *document, "\"r1\"");
    EXPECT_EQ(socket->sent.size(), answers);
    return socket->sent.empty() ? "" : socket->sent.front();
  }
  int post(const std::string& path, const std::string& body, ports::Tracer* tracer,
           const std::string& incoming = kIncoming) {
    HttpMessagePublisher publisher(bus_, channels_, tracer);
    ports::HttpRequest request;
    request.identity = identity_;
    request.body = body;
    if (!incoming.empty()) request.headers.emplace_back("traceparent", incoming);
    request.trace = request_ = ports::begin_trace(tracer, request.incoming_trace());
    request.completed_ns = completed_ns_;
    int status = 0;
    for (const ports::Route& route : publisher.routes())
      if (route.path == path)
        route.handler(std::move(request), [&](ports::HttpResponse answer) { status = answer.status; });
    return status;
  }
  static std::string attribute(const ports::Span& span, std::string_view name) {
    for (const auto& [each, value] : span.attributes)
      if (each == name) return value;
    return "(none)";
  }
  static std::string hex(const base::TraceContext::SpanId& id) {
    return base::hex_text(id.data(), id.size());
  }

  Bus bus_;
  Channels channels_;
  model::IdentityPtr identity_;
  std::optional<base::TraceContext> request_;
  std::int64_t completed_ns_ = 0;
  ports::testing::FakeTracer tracer_;
};

TEST_F(PublisherTraceTest, ThePublicationKnowsWhenItCameInAndItsTrace) {
  const auto before = base::monotonic_now();
  EXPECT_EQ(post("/publish", "{" + kMessage + "}", nullptr), 200);
  EXPECT_EQ(post("/publish/batch", R"({"messages":[{)" + kMessage + "}]}", nullptr, ""), 200);
  send(kMessage, nullptr);
  ASSERT_EQ(bus_.taken.size(), 3u);
  for (const auto& each : bus_.taken) {
    EXPECT_GE(each.accepted_at, before);
    EXPECT_LE(each.accepted_at, base::monotonic_now());
  }
  EXPECT_EQ(base::trace_id_text(bus_.taken[0].trace.value()), kTraceId);
  EXPECT_FALSE(bus_.taken[1].trace);
  EXPECT_FALSE(bus_.taken[2].trace);
}

TEST_F(PublisherTraceTest, AFrameThatBringsATraceIsToldItsPlaceInIt) {
  const std::string answer = send(R"("traceparent":")" + kIncoming + "\"," + kMessage, nullptr);
  ASSERT_EQ(bus_.taken.size(), 1u);
  ASSERT_TRUE(bus_.taken[0].trace);
  const std::string own = base::format_traceparent(*bus_.taken[0].trace);
  EXPECT_TRUE(own.starts_with("00-" + kTraceId + "-")) << own;
  EXPECT_NE(own, kIncoming);
  EXPECT_TRUE(answer.ends_with(R"(,"requestId":"r1","traceparent":")" + own + "\"}")) << answer;
  EXPECT_EQ(bus_.taken[0].payload, R"({"chatId":"c","eventType":"e","content":"hush"})");
}

TEST_F(PublisherTraceTest, ARefusalIsToldItToo) {
  const std::string trace = R"("traceparent":")" + kIncoming + "\",";
  for (const std::string& members :
       {trace + R"("targetChannel":"WebSocket","payload":{"chatId":"full","eventType":"e","content":1})",
        trace + R"("targetChannel":"Fax","payload":{"chatId":"c","eventType":"e","content":1})"}) {
    const std::string answer = send(members, nullptr);
    EXPECT_NE(answer.find("\"error\":"), std::string::npos) << answer;
    EXPECT_NE(answer.find(R"("traceparent":"00-)" + kTraceId), std::string::npos) << answer;
  }
  EXPECT_NE(
      send(trace + R"("targetChannel":"Fax","payload":{"chatId":"c","eventType":"e","content":1})", nullptr)
          .find(R"("channels":["WebSocket"])"),
      std::string::npos)
      << "beside what else the error says";
}

TEST_F(PublisherTraceTest, WhatIsNoTraceparentCountsAsAbsent) {
  for (const char* bad :
       {R"("traceparent":7,)", R"("traceparent":null,)", R"("traceparent":"",)",
        R"("traceparent":"00-00000000000000000000000000000000-b7ad6b7169203331-01",)", ""}) {
    const std::string answer = send(bad + kMessage, nullptr);
    EXPECT_EQ(answer.find("traceparent"), std::string::npos) << answer;
    EXPECT_NE(answer.find("\"messageId\""), std::string::npos) << answer;
  }
  for (const auto& each : bus_.taken) EXPECT_FALSE(each.trace);
}

TEST_F(PublisherTraceTest, PublishIsTheSpanOfThePublicationItself) {
  EXPECT_EQ(post("/publish", "{" + kMessage + "}", &tracer_), 200);
  send(R"("traceparent":")" + kIncoming + "\"," + kMessage, &tracer_);
  const auto spans = tracer_.spans();
  ASSERT_EQ(spans.size(), 2u);
  ASSERT_EQ(bus_.taken.size(), 2u);
  EXPECT_EQ(spans[0].context, request_.value());
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(spans[i].name, "publish");
    EXPECT_EQ(spans[i].context, bus_.taken[i].trace.value());
    EXPECT_EQ(hex(spans[i].parent), kSpanId);
    EXPECT_FALSE(spans[i].failed);
    EXPECT_EQ(attribute(spans[i], "messageType"), "fifo");
    EXPECT_EQ(attribute(spans[i], "chatId"), "c");
    EXPECT_EQ(attribute(spans[i], "messageId").size(), 36u);
    EXPECT_GE(spans[i].end_ns, spans[i].start_ns);
    for (const auto& [name, value] : spans[i].attributes) EXPECT_EQ(value.find("hush"), std::string::npos);
  }
}

TEST_F(PublisherTraceTest, ATraceThatBeginsHereHasNoParent) {
  send(kMessage, &tracer_);
  EXPECT_TRUE(tracer_.spans().empty()) << "not chosen";
  tracer_.starts = true;
  const std::string answer = send(kMessage, &tracer_);
  ASSERT_EQ(tracer_.spans().size(), 1u);
  EXPECT_EQ(tracer_.spans()[0].parent, base::TraceContext::SpanId{});
  EXPECT_EQ(answer.find("traceparent"), std::string::npos) << "the frame brought none";
}

TEST_F(PublisherTraceTest, RefusalsAreFailedSpans) {
  tracer_.starts = true;
  const std::string full =
      R"("targetChannel":"WebSocket","payload":{"chatId":"full","eventType":"e","content":1})";
  EXPECT_EQ(post("/publish", "{" + full + "}", &tracer_), 503);
  EXPECT_EQ(post("/publish", "{}", &tracer_), 400);
  EXPECT_EQ(post("/publish", "[", &tracer_), 400);
  EXPECT_EQ(post("/publish/batch", "{}", &tracer_), 400);
  send(full, &tracer_);
  send(R"("payload":{})", &tracer_);
  const auto spans = tracer_.spans();
  ASSERT_EQ(spans.size(), 6u);
  for (const auto& each : spans) {
    EXPECT_TRUE(each.failed);
    EXPECT_EQ(attribute(each, "messageId"), "(none)");
  }
}

TEST_F(PublisherTraceTest, TheSpanBeginsWhenTheRequestWasComplete) {
  const std::int64_t earlier = completed_ns_ = base::now_ns() - 5'000'000'000;
  EXPECT_EQ(post("/publish", "{" + kMessage + "}", &tracer_), 200);
  EXPECT_EQ(post("/publish/batch", R"({"messages":[{)" + kMessage + "}]}", &tracer_), 200);
  completed_ns_ = base::now_ns() + 60'000'000'000;
  EXPECT_EQ(post("/publish", "[", &tracer_), 400);
  const auto spans = tracer_.spans();
  ASSERT_EQ(spans.size(), 4u);
  EXPECT_EQ(spans[0].start_ns, earlier);
  EXPECT_EQ(spans[2].start_ns, earlier);
  EXPECT_GE(spans[1].start_ns, earlier + 5'000'000'000) << "of the batch's only message";
  EXPECT_EQ(spans[3].end_ns, completed_ns_) << "the clock was put back meanwhile";
}

TEST_F(PublisherTraceTest, WhatIsNeverAnsweredIsAFailedSpan) {
  const std::string lost =
      R"("targetChannel":"WebSocket","payload":{"chatId":"lost","eventType":"e","content":1})";
  EXPECT_EQ(post("/publish", "{" + lost + "}", &tracer_), 0);
  EXPECT_EQ(post("/publish/batch", R"({"messages":[{)" + lost + R"(}]})", &tracer_), 0);
  send(R"("traceparent":")" + kIncoming + "\"," + lost, &tracer_, 0);
  const auto spans = tracer_.spans();
  ASSERT_EQ(spans.size(), 4u);
  for (const auto& each : spans) EXPECT_TRUE(each.failed);
}

TEST_F(PublisherTraceTest, AFrameAsksWhetherItsTraceIsTooMuch) {
  tracer_.full = true;
  const std::string answer = send(R"("traceparent":")" + kIncoming + "\"," + kMessage, &tracer_);
  EXPECT_EQ(tracer_.asked, 1);
  ASSERT_TRUE(bus_.taken.at(0).trace);
  EXPECT_TRUE(bus_.taken[0].trace->sampled);
  EXPECT_FALSE(bus_.taken[0].trace->recorded());
  EXPECT_NE(answer.find(base::format_traceparent(*bus_.taken[0].trace)), std::string::npos) << answer;
  EXPECT_TRUE(tracer_.spans().empty());
  tracer_.starts = true;
  send(kMessage, &tracer_);
  EXPECT_EQ(tracer_.asked, 1);
  EXPECT_EQ(tracer_.spans().size(), 1u);
}

TEST_F(PublisherTraceTest, MessagesOfABatchAreBelowIt) {
  const std::string body =
      R"({"messages":[{)" + kMessage + "},{" + kMessage + R"(},{"targetChannel":"Fax"}]})";
  EXPECT_EQ(post("/publish/batch", body, &tracer_), 200);
  const auto spans = tracer_.spans();
  ASSERT_EQ(spans.size(), 4u);
  ASSERT_EQ(bus_.taken.size(), 2u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(spans[i].parent, request_->span_id);
    EXPECT_EQ(spans[i].failed, i == 2);
    if (i < 2) EXPECT_EQ(spans[i].context, bus_.taken[i].trace.value());
  }
  EXPECT_NE(spans[0].context.span_id, spans[1].context.span_id);
  EXPECT_EQ(spans[3].context, request_.value());
  EXPECT_EQ(hex(spans[3].parent), kSpanId);
  EXPECT_EQ(attribute(spans[3], "messages"), "3");
}

TEST_F(PublisherTraceTest, WhatIsNotSampledIsPassedOnWithoutASpan) {
  EXPECT_EQ(post("/publish", "{" + kMessage + "}", &tracer_, "00-" + kTraceId + "-" + kSpanId + "-00"), 200);
  EXPECT_TRUE(tracer_.spans().empty());
  ASSERT_EQ(bus_.taken.size(), 1u);
  EXPECT_EQ(bus_.taken[0].trace, request_);
}

}  // namespace
}  // namespace carillon::publisher
