#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/message.hpp"
#include "ports/tracer.hpp"

namespace carillon::ports {

/// Spans of single messages, children of the span of their publishing. Costs one comparison while tracing is
/// off, and two for a message that is not sampled: whoever records asks wants() first, and takes the wall
/// clock only then. Any thread.
class MessageSpans {
 public:
  using Attributes = std::vector<std::pair<std::string_view, std::string>>;

  /// `tracer` may be null: tracing is off. It must outlive this.
  explicit MessageSpans(Tracer* tracer = nullptr) : tracer_(tracer) {}

  bool on() const { return tracer_ != nullptr; }
  bool wants(const model::MessageBody& message) const {
    return tracer_ && message.trace && message.trace->recorded();
  }
  /// For a message that wants() is true of; times in nanoseconds since 1970. Adds the message's id.
  void record(std::string_view name, const model::Message& message, std::int64_t start_ns,
              std::int64_t end_ns, Attributes attributes = {}, bool failed = false) const;

 private:
  Tracer* tracer_;
};

}  // namespace carillon::ports
