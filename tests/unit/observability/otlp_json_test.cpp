#include "observability/otlp_json.hpp"

#include <array>

#include <gtest/gtest.h>

namespace carillon::observability {
namespace {

ports::Span span_named(std::string_view name) {
  ports::Span span;
  span.name = name;
  span.context = *base::parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01");
  span.start_ns = 1'700'000'000'000'000'001;
  span.end_ns = 1'700'000'000'000'500'000;
  return span;
}

TEST(OtlpJson, is_what_the_specification_wants) {
  std::array spans{span_named("publish"), span_named("commit")};
  spans[1].parent = {0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31};
  spans[1].failed = true;
  spans[1].attributes = {{"messageId", "m\"1"}, {"chatId", "c"}};
  EXPECT_EQ(
      otlp_json(spans, "0.1.0"),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"carillon"}},)"
      R"({"key":"service.version","value":{"stringValue":"0.1.0"}}]},)"
      R"("scopeSpans":[{"scope":{"name":"carillon","version":"0.1.0"},"spans":[)"
      R"({"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00f067aa0ba902b7","name":"publish","kind":2,)"
      R"("startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000500000","attributes":[],)"
      R"("status":{}},)"
      R"({"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00f067aa0ba902b7",)"
      R"("parentSpanId":"b7ad6b7169203331","name":"commit","kind":1,)"
      R"("startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000500000","attributes":[)"
      R"({"key":"messageId","value":{"stringValue":"m\"1"}},{"key":"chatId","value":{"stringValue":"c"}}],)"
      R"("status":{"code":2}}]}]}]})");
}

TEST(OtlpJson, an_attribute_that_is_not_utf8_spoils_nothing) {
  std::array spans{span_named("process")};
  spans[0].attributes = {{"chatId", "\xff"}};
  const std::string text = otlp_json(spans, "");
  EXPECT_NE(text.find(R"x({"key":"chatId","value":{"stringValue":"(not UTF-8)"}})x"), std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("kind":5)"), std::string::npos) << text;
}

TEST(OtlpJson, reads_how_many_spans_were_rejected) {
  EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}})"), 3u);
  EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":4}})"), 4u);
  for (const char* text :
       {"", "{}", "[]", "no", R"({"partialSuccess":1})", R"({"partialSuccess":{}})",
        R"({"partialSuccess":{"rejectedSpans":-1}})", R"({"partialSuccess":{"rejectedSpans":"-1"}})",
        R"({"partialSuccess":{"rejectedSpans":"3x"}})", R"({"partialSuccess":{"rejectedSpans":[]}})"})
    EXPECT_EQ(rejected_spans(text), 0u) << text;
}

TEST(OtlpJson, a_url_without_a_path_gets_the_usual_one) {
  EXPECT_EQ(traces_url("http://otel:4318"), "http://otel:4318/v1/traces");
  EXPECT_EQ(traces_url("http://otel:4318/"), "http://otel:4318/v1/traces");
  EXPECT_EQ(traces_url("https://[::1]:4318"), "https://[::1]:4318/v1/traces");
  EXPECT_EQ(traces_url("https://otel/in/traces"), "https://otel/in/traces");
  EXPECT_EQ(traces_url("https://otel/in?a=/b"), "https://otel/in?a=/b");
  EXPECT_EQ(traces_url("https://otel?a=/b"), "https://otel/v1/traces?a=/b");
  EXPECT_EQ(traces_url("https://otel/?a=b"), "https://otel/v1/traces?a=b");
}

}  // namespace
}  // namespace carillon::observability
