#pragma once

#include <array>

#include "base/recorder.hpp"
#include "model/errors.hpp"
#include "model/message.hpp"
#include "ports/metric_set.hpp"

namespace carillon::embedded {

/// What became of publications that reached the bus: what their publisher refuses at the door is not among
/// them. The bus loop writes, any thread reads.
class PublishFigures {
 public:
  /// `p2p`: over a socket; else over HTTP.
  void published(model::MessageType type, bool p2p) { published_[index(type)][p2p].add(); }
  void deduplicated() { deduplicated_.add(); }
  void refused(const base::Error& error);

  void collect(ports::MetricSet& into) const;

 private:
  static constexpr std::size_t kTypes = 3;
  static constexpr std::size_t kReasons = 11;
  static std::size_t index(model::MessageType type) { return static_cast<std::size_t>(type) - 1; }

  std::array<std::array<base::Counter, 2>, kTypes> published_;
  base::Counter deduplicated_;
  std::array<base::Counter, kReasons> refused_;
};

}  // namespace carillon::embedded
