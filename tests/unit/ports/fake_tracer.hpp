#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "ports/tracer.hpp"

namespace carillon::ports::testing {

/// Keeps spans. What comes in goes on as it was sampled; a trace begins here only while `starts` is set.
class FakeTracer final : public Tracer {
 public:
  std::optional<base::TraceContext> begin(const std::optional<base::TraceContext>& incoming) override {
    if (incoming) return base::child_of(*incoming);
    return starts ? std::optional(base::new_trace(true)) : std::nullopt;
  }
  void admit(base::TraceContext& context) override {
    ++asked;
    context.unrecorded = full;
  }
  void record(Span span) override {
    const std::lock_guard lock(mutex_);
    spans_.push_back(std::move(span));
  }
  std::vector<Span> spans() {
    const std::lock_guard lock(mutex_);
    return spans_;
  }

  std::atomic<bool> starts{false};
  std::atomic<int> asked{0};      ///< of admit()
  std::atomic<bool> full{false};  ///< admit() takes no more

 private:
  std::mutex mutex_;
  std::vector<Span> spans_;
};

}  // namespace carillon::ports::testing
