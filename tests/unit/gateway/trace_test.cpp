#include <future>

#include <gtest/gtest.h>

#include "unit/gateway/http_fixture.hpp"
#include "unit/ports/fake_tracer.hpp"

namespace carillon::gateway::testing {
namespace {

constexpr std::string_view kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr std::string_view kSpan = "b7ad6b7169203331";

std::string traceparent(std::string_view flags = "01") {
  return "00-" + std::string(kTrace) + "-" + std::string(kSpan) + "-" + std::string(flags);
}
std::string header(std::string_view flags = "01") {
  return "traceparent: " + traceparent(flags) + "\r\n";
}

class TraceTest : public HttpTest {
 protected:
  TraceTest() {
    add_route("GET", "/traced", ports::Access::open, [this](ports::HttpRequest request, auto respond) {
      seen_ = request.trace;
      respond(ports::HttpResponse::json(200, "{}"));
    });
    add_route("GET", "/broken", ports::Access::open,
              [](auto, auto) { throw std::runtime_error("as it happens"); });
    routes_.push_back({.method = "POST",
                       .path = "/publish",
                       .access = ports::Access::token,
                       .handler =
                           [this](ports::HttpRequest request, auto respond) {
                             seen_ = request.trace;
                             completed_ns_ = request.completed_ns;
                             respond(ports::HttpResponse::json(200, "{}"));
                           },
                       .traced = true});
  }
  /// For a route that records its own span.
  std::string publication(const std::string& extra = {}, std::string_view token = "good") {
    return post("/publish", "{}", bearer(token) + extra);
  }
  /// Belongs to the client's trace, as a span of its own.
  static void expect_answered(const Answer& answer, std::string_view flags = "01") {
    const auto context = base::parse_traceparent(answer["traceparent"]);
    ASSERT_TRUE(context) << answer.status << " has: " << answer["traceparent"];
    EXPECT_EQ(base::trace_id_text(*context), kTrace);
    EXPECT_NE(base::hex_text(context->span_id.data(), 8), kSpan);
    EXPECT_EQ(context->sampled, flags == "01");
  }
  static void expect_silent(const Answer& answer) {
    EXPECT_FALSE(answer.headers.contains("traceparent")) << answer["traceparent"];
  }
  static std::string bearer(std::string_view token) {
    return "Authorization: Bearer " + std::string(token) + "\r\n";
  }

  ports::testing::FakeTracer fake_;
  std::optional<base::TraceContext> seen_;
  std::int64_t completed_ns_ = 0;
};

TEST_F(TraceTest, WithoutATracerWhatComesInIsPassedOn) {
  start();
  const Answer answer = ask(get("/traced", header()));
  expect_answered(answer);
  ASSERT_TRUE(seen_);
  EXPECT_EQ(base::format_traceparent(*seen_), answer["traceparent"]);
  expect_answered(ask(get("/traced", header("00"))), "00");
  expect_silent(ask(get("/traced")));
  EXPECT_FALSE(seen_);
}

TEST_F(TraceTest, WhatIsNoTraceparentCountsAsAbsent) {
  start();
  for (const std::string& bad :
       {header() + header(), std::string("traceparent:\r\n"), std::string("traceparent: 00-0-0-0\r\n"),
        "traceparent: " + traceparent() + "-x\r\n", "traceparent: ff" + traceparent().substr(2) + "\r\n",
        "traceparent: 00-" + std::string(32, '0') + "-" + std::string(kSpan) + "-01\r\n",
        "traceparent: " + std::string(5000, '0') + "\r\n"}) {
    const Answer answer = ask(get("/traced", bad));
    EXPECT_EQ(answer.status, 200);
    expect_silent(answer);
    EXPECT_FALSE(seen_) << bad;
  }
}

TEST_F(TraceTest, EveryAnswerAfterTheHeadHasIt) {
  start();
  expect_answered(ask(get("/nowhere", header())));
  expect_answered(ask(get("/who", header())));
  expect_answered(ask(get("/broken", header())));
  expect_answered(ask(get("/who", bearer("good") + header())));
  expect_answered(ask("PUT /open HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + header() + "\r\n"));
  expect_answered(ask("OPTIONS /open HTTP/1.1\r\nHost: x\r\n" + header() + "\r\n"));
  expect_answered(ask("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n" + header() + "\r\n"));
  expect_answered(ask(upgrade_request("/", header())));
  expect_answered(ask(upgrade_request("/", header() + "Origin: https://evil.example\r\n")));
  expect_silent(ask("GET /open HTTP/1.1\r\n" + header() + "\r\n"));  // without Host the head is no head
}

TEST_F(TraceTest, PipelinedRequestsKeepTheirOwn) {
  start();
  TestClient client(port());
  client.send(get("/open") + get("/open", header()) + get("/open"));
  expect_silent(client.answer());
  expect_answered(client.answer());
  expect_silent(client.answer());
}

TEST_F(TraceTest, TheUpgradeHandlerGetsIt) {
  start();
  open("/", header());
  ASSERT_TRUE(handler_.last_request.http.trace);
  EXPECT_EQ(base::trace_id_text(*handler_.last_request.http.trace), kTrace);
}

TEST_F(TraceTest, ATracerMayBeginTracesOfWhatAsksForThem) {
  tracer_ = &fake_;
  start();
  expect_silent(ask(publication()));
  fake_.starts = true;
  expect_silent(ask(get("/traced")));
  expect_silent(ask(get("/who", bearer("good"))));
  expect_silent(ask(upgrade_request("/")));
  EXPECT_FALSE(seen_);
  const Answer answer = ask(publication());
  ASSERT_TRUE(seen_);
  EXPECT_EQ(base::format_traceparent(*seen_), answer["traceparent"]);
}

TEST_F(TraceTest, AuthorizeIsTheSpanOfTheRequest) {
  tracer_ = &fake_;
  authenticator_.later = true;
  start();
  TestClient client(port());
  std::vector<Answer> answers;
  for (int i = 0; i < 2; ++i) {
    client.send(get("/who", bearer("good") + header()));
    answers.push_back(client.answer());
  }
  ask(get("/open", header()));                      // asks for no token
  ask(get("/who", bearer("good") + header("00")));  // not sampled
  ask(get("/who", bearer("good")));                 // no trace
  const auto spans = fake_.spans();
  ASSERT_EQ(spans.size(), 2u) << "the remembered verification is one, too";
  for (std::size_t i = 0; i < spans.size(); ++i) {
    EXPECT_EQ(spans[i].name, "authorize");
    EXPECT_EQ(base::format_traceparent(spans[i].context), answers[i]["traceparent"]);
    EXPECT_EQ(base::hex_text(spans[i].parent.data(), 8), kSpan);
    EXPECT_GT(spans[i].start_ns, 1'700'000'000'000'000'000);
    EXPECT_GE(spans[i].end_ns, spans[i].start_ns);
    EXPECT_FALSE(spans[i].failed);
    EXPECT_TRUE(spans[i].attributes.empty());
  }
}

TEST_F(TraceTest, AuthorizeIsBelowTheSpanThatARouteRecordsItself) {
  tracer_ = &fake_;
  fake_.starts = true;
  start();
  const std::int64_t before = base::now_ns();
  TestClient client(port());
  for (int i = 0; i < 2; ++i) {
    client.send(publication(header()));
    client.answer();
  }
  ask(publication());
  const auto spans = fake_.spans();
  ASSERT_EQ(spans.size(), 3u);
  for (const ports::Span& span : spans) {
    EXPECT_EQ(span.name, "authorize");
    EXPECT_GE(span.start_ns, before);
  }
  EXPECT_EQ(spans[2].parent, seen_->span_id);
  EXPECT_NE(spans[2].context.span_id, seen_->span_id);
  EXPECT_GE(completed_ns_, before);
  EXPECT_LE(completed_ns_, spans[2].start_ns) << "the route's span begins before";
  ask(publication(header("00")));
  EXPECT_EQ(completed_ns_, 0) << "nobody asks for it";
}

TEST_F(TraceTest, WhoHasNoTokenLeavesNoSpan) {
  tracer_ = &fake_;
  fake_.starts = true;
  start();
  for (const char* token : {"forged", "nokeys", ""}) {
    expect_answered(ask(get("/who", bearer(token) + header())));
    expect_answered(ask(publication(header(), token)));
  }
  EXPECT_TRUE(fake_.spans().empty());
  EXPECT_EQ(fake_.asked, 0) << "nor is anything taken of what others may have";
}

TEST_F(TraceTest, WhatIsTooMuchIsPassedOnAndNotRecorded) {
  tracer_ = &fake_;
  fake_.full = true;
  start();
  expect_answered(ask(get("/who", bearer("good") + header())));
  expect_answered(ask(publication(header())));
  EXPECT_EQ(fake_.asked, 2);
  ASSERT_TRUE(seen_);
  EXPECT_TRUE(seen_->sampled);
  EXPECT_FALSE(seen_->recorded());
  EXPECT_TRUE(fake_.spans().empty());
  fake_.starts = true;
  ask(publication());
  EXPECT_EQ(fake_.spans().size(), 1u) << "what begins here is not among it";
}

}  // namespace
}  // namespace carillon::gateway::testing
