#pragma once

#include "ports/message_bus.hpp"
#include "ports/open_span.hpp"

namespace carillon::publisher {

/// What is measured of one message from taking it in to its answer: when it came, its trace, and its span
/// `publish`. Moves between threads, belongs to one at a time.
class Intake {
 public:
  /// `trace` is that of the publication, `parent` what came in with it. `start_ns`: when its span began,
  /// unless that is now.
  Intake(ports::Tracer* tracer, const std::optional<base::TraceContext>& trace,
         const std::optional<base::TraceContext>& parent, base::Monotonic since = base::monotonic_now(),
         std::int64_t start_ns = 0);
  Intake(Intake&&) = default;
  /// Never answered: the span has failed.
  ~Intake() { span_.end(true); }

  /// Tells `publication` when it was taken in and what trace it belongs to.
  void mark(ports::Publication& publication);
  void refused() { span_.end(true); }
  void answered(const base::Result<ports::Receipt>& receipt);

 private:
  base::Monotonic since_;
  std::optional<base::TraceContext> trace_;
  ports::OpenSpan span_;
};

}  // namespace carillon::publisher
