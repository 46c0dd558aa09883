#include "observability/otlp_json.hpp"

#include <algorithm>
#include <charconv>

#include "base/bytes.hpp"
#include "model/json.hpp"

namespace carillon::observability {
namespace {

constexpr std::string_view kPath = "/v1/traces";
constexpr std::string_view kServer = "2";
constexpr std::string_view kInternal = "1";
constexpr std::string_view kConsumer = "5";
constexpr std::string_view kError = "2";

std::string_view kind_of(std::string_view name) {
  if (name == "publish") return kServer;
  return name == "process" ? kConsumer : kInternal;
}

void append_attribute(std::string& out, std::string_view key, std::string_view value) {
  out += R"({"key":)";
  base::append_json_string(out, key);
  out += R"(,"value":{"stringValue":)";
  base::append_json_string(out, base::valid_utf8(value) ? value : std::string_view("(not UTF-8)"));
  out += "}}";
}

void append_id(std::string& out, std::string_view key, std::span<const std::uint8_t> id) {
  out += '"';
  out += key;
  out += "\":\"";
  out += base::hex_text(id.data(), id.size());
  out += "\",";
}

void append_span(std::string& out, const ports::Span& span) {
  out += '{';
  append_id(out, "traceId", span.context.trace_id);
  append_id(out, "spanId", span.context.span_id);
  if (std::ranges::any_of(span.parent, [](std::uint8_t each) { return each != 0; }))
    append_id(out, "parentSpanId", span.parent);
  out += R"("name":)";
  base::append_json_string(out, span.name);
  out += R"(,"kind":)";
  out += kind_of(span.name);
  out += R"(,"startTimeUnixNano":")" + std::to_string(span.start_ns);
  out += R"(","endTimeUnixNano":")" + std::to_string(span.end_ns);
  out += R"(","attributes":[)";
  for (std::size_t i = 0; i < span.attributes.size(); ++i) {
    if (i > 0) out += ',';
    append_attribute(out, span.attributes[i].first, span.attributes[i].second);
  }
  out += R"(],"status":{)";
  if (span.failed) out.append(R"("code":)").append(kError);
  out += "}}";
}

}  // namespace

std::string otlp_json(std::span<const ports::Span> spans, std::string_view version) {
  std::string out = R"({"resourceSpans":[{"resource":{"attributes":[)";
  append_attribute(out, "service.name", "carillon");
  out += ',';
  append_attribute(out, "service.version", version);
  out += R"(]},"scopeSpans":[{"scope":{"name":"carillon","version":)";
  base::append_json_string(out, version);
  out += R"(},"spans":[)";
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (i > 0) out += ',';
    append_span(out, spans[i]);
  }
  out += "]}]}]}";
  return out;
}

std::uint64_t rejected_spans(std::string_view answer) {
  const auto document = model::JsonDocument::parse(answer);
  if (!document) return 0;
  const auto* partial = document->object().if_contains("partialSuccess");
  if (!partial || !partial->is_object()) return 0;
  const auto* rejected = partial->get_object().if_contains("rejectedSpans");
  if (!rejected) return 0;
  if (rejected->is_int64())
    return static_cast<std::uint64_t>(std::max<std::int64_t>(rejected->get_int64(), 0));
  if (!rejected->is_string()) return 0;
  const std::string_view text = model::view(rejected->get_string());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

std::string traces_url(std::string_view endpoint) {
  const std::size_t scheme = endpoint.find("://");
  const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t path = std::min(endpoint.find_first_of("/?", host), endpoint.size());
  const std::size_t path_end = std::min(endpoint.find('?', path), endpoint.size());
  std::string url(endpoint);
  if (path_end - path <= 1) url.replace(path, path_end - path, kPath);
  return url;
}

}  // namespace carillon::observability
