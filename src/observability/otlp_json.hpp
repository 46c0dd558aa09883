#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ports/tracer.hpp"

namespace carillon::observability {

/// The body of an OTLP/HTTP request with these spans, all of the service `carillon` in this version. Pure.
/// `publish`, which answers somebody outside, is of kind SERVER, `process`, which takes a message from a
/// queue, CONSUMER, the rest INTERNAL. Source: opentelemetry-proto, trace/v1/trace.proto, in the JSON
/// encoding that the OTLP specification gives: ids as hex, 64-bit numbers as strings.
std::string otlp_json(std::span<const ports::Span> spans, std::string_view version);

/// How many spans the collector says that it did not take although it answered 2xx; 0 when it does not say.
std::uint64_t rejected_spans(std::string_view answer);

/// Where spans are posted: the URL as it is, or with `/v1/traces` when it has no path.
std::string traces_url(std::string_view endpoint);

}  // namespace carillon::observability
