#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/trace_context.hpp"

namespace carillon::ports {

/// Something that took time, on its way to where traces are kept.
struct Span {
  std::string_view name;                ///< authorize, publish, commit, queue, process, deliver or store
  base::TraceContext context;           ///< its own span id
  base::TraceContext::SpanId parent{};  ///< all zeros: none
  std::int64_t start_ns = 0;            ///< wall clock, nanoseconds since 1970
  std::int64_t end_ns = 0;
  bool failed = false;
  std::vector<std::pair<std::string_view, std::string>> attributes;  ///< never a token or content
};

/// Where spans go. Rooms hold a pointer, null when tracing is off; and a message without a sampled context
/// costs one comparison. Any thread; never blocks: what does not fit is dropped and counted.
class Tracer {
 public:
  virtual ~Tracer() = default;
  /// The context of what begins now: a child of what came in, sampled as that was; or of a new trace, when
  /// the ratio has it sampled; or nothing. Who sent what came in need not be known yet: see admit().
  virtual std::optional<base::TraceContext> begin(const std::optional<base::TraceContext>& incoming) = 0;
  /// Of a trace that came in, once it is known who sent it and before its first span: marks `context` as
  /// unrecorded when too many came in sampled.
  virtual void admit(base::TraceContext& context) = 0;
  virtual void record(Span span) = 0;
};

/// begin() where there may be no tracer: what came in is passed on all the same.
inline std::optional<base::TraceContext> begin_trace(Tracer* tracer,
                                                     const std::optional<base::TraceContext>& incoming) {
  if (tracer) return tracer->begin(incoming);
  if (incoming) return base::child_of(*incoming);
  return std::nullopt;
}

}  // namespace carillon::ports
