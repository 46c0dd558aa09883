#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "comments_api/recent_ids.hpp"

namespace carillon::comments_api {

/// The connections that are open as far as Carillon's connection events tell. Events may come more than once
/// and in any order; one that never comes, as after a crash of the server, is made good after 24 hours.
/// Bounded. One loop. Source: seed comments-realtime, Connection Management Flow.
class SeenConnections {
 public:
  static constexpr std::size_t kMaxOpen = 100'000;
  static constexpr std::size_t kMaxEvents = 65'536;
  static constexpr std::size_t kMaxEarly = 4096;
  static constexpr std::chrono::hours kTtl{24};
  /// Longer than a signature stays good, and than an event is tried again.
  static constexpr std::chrono::minutes kEventsRemembered{15};

  enum class Event { connect, disconnect };

  /// `event_id` is the webhook's: one that came before changes nothing, and false comes back.
  bool take(std::string_view event_id, Event event, std::string_view connection, base::Monotonic now);
  std::size_t open(base::Monotonic now) { return open_.size(now); }

 private:
  RecentIds events_{kMaxEvents, kEventsRemembered};
  RecentIds open_{kMaxOpen, kTtl};
  RecentIds ended_early_{kMaxEarly, kEventsRemembered};  ///< whose disconnect came before its connect
};

}  // namespace carillon::comments_api
