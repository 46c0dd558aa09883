#pragma once

#include <memory>

#include "ports/connection_directory.hpp"
#include "ports/connection_events.hpp"
#include "ports/metric_set.hpp"
#include "server/settings.hpp"

namespace carillon::server {

/// Tells the receivers of `[events]` of connects and disconnects, with a thread and an HTTP client of its
/// own, so that a receiver that does not answer holds up nothing else. One thread calls it.
class EventSending {
 public:
  /// Null without a URL.
  static std::unique_ptr<EventSending> of(const EventSettings& settings);
  ~EventSending();

  ports::ConnectionEvents& events();
  const ports::MetricSource& figures() const;

  /// To be called before the gateway stops: from then on no connect is let in that waits for its verdict.
  void admit_nobody();
  /// To be called after it, while the directory still works: sends what can be sent within five seconds and
  /// gives up the rest. Idempotent.
  void stop(ports::ConnectionDirectory& directory);

 private:
  struct Parts;
  explicit EventSending(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace carillon::server
