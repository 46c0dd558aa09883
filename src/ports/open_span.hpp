#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "ports/tracer.hpp"

namespace carillon::ports {

/// A span under way, from its making to end(). Empty, and free, when nobody wants it: there is no tracer, or
/// the trace is not sampled. Never ended, it is not recorded. Moves between threads, belongs to one at a
/// time.
class OpenSpan {
 public:
  OpenSpan() = default;
  /// A span below `above`, with an id of its own. `name` is one of Span::name.
  static OpenSpan below(Tracer* tracer, std::string_view name,
                        const std::optional<base::TraceContext>& above) {
    if (!tracer || !above || !above->recorded()) return {};
    return OpenSpan(*tracer, name, base::child_of(*above), above->span_id);
  }
  /// The span that `own` stands for; `parent` is what came in, if anything did. `start_ns`: when it began,
  /// unless that is now.
  static OpenSpan as(Tracer* tracer, std::string_view name, const std::optional<base::TraceContext>& own,
                     const std::optional<base::TraceContext>& parent, std::int64_t start_ns = 0) {
    if (!tracer || !own || !own->recorded()) return {};
    OpenSpan span(*tracer, name, *own, parent ? parent->span_id : base::TraceContext::SpanId{});
    if (start_ns != 0) span.state_->span.start_ns = start_ns;
    return span;
  }

  explicit operator bool() const { return state_ != nullptr; }
  /// `name` is a constant. Never a token or content.
  void attribute(std::string_view name, std::string value) {
    if (state_) state_->span.attributes.emplace_back(name, std::move(value));
  }
  void end(bool failed) {
    const auto state = std::exchange(state_, nullptr);
    if (!state) return;
    // The wall clock may have been set back meanwhile.
    state->span.end_ns = std::max(state->span.start_ns, base::now_ns());
    state->span.failed = failed;
    state->tracer.record(std::move(state->span));
  }

 private:
  struct State {
    Tracer& tracer;
    Span span;
  };
  OpenSpan(Tracer& tracer, std::string_view name, const base::TraceContext& context,
           base::TraceContext::SpanId parent)
      : state_(std::make_unique<State>(tracer, Span{name, context, parent, base::now_ns(), 0, false, {}})) {}

  std::unique_ptr<State> state_;
};

}  // namespace carillon::ports
