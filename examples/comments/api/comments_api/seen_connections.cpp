#include "comments_api/seen_connections.hpp"

namespace carillon::comments_api {

bool SeenConnections::take(std::string_view event_id, Event event, std::string_view connection,
                           base::Monotonic now) {
  if (!events_.insert(event_id, now)) return false;
  if (event == Event::connect) {
    if (!ended_early_.erase(connection, now)) open_.insert(connection, now);
  } else if (!open_.erase(connection, now)) {
    ended_early_.insert(connection, now);
  }
  return true;
}

}  // namespace carillon::comments_api
