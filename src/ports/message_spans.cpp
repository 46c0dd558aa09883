#include "ports/message_spans.hpp"

#include <algorithm>

namespace carillon::ports {

void MessageSpans::record(std::string_view name, const model::Message& message, std::int64_t start_ns,
                          std::int64_t end_ns, Attributes attributes, bool failed) const {
  Span span;
  span.name = name;
  span.context = base::child_of(*message.trace);
  span.parent = message.trace->span_id;
  span.start_ns = start_ns;
  // The wall clock may have been set back meanwhile.
  span.end_ns = std::max(start_ns, end_ns);
  span.failed = failed;
  attributes.emplace_back("messageId", message.id.str());
  span.attributes = std::move(attributes);
  tracer_->record(std::move(span));
}

}  // namespace carillon::ports
