#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "gateway/connection_shard.hpp"
#include "ports/connection_gateway.hpp"

namespace carillon::gateway {

class WebSocketSession;

/// What became of one run at the connections that it was for. A recipient that took the whole run costs one
/// addition, however many messages the run holds, and its user is named once for all of them.
class RunTally {
 public:
  explicit RunTally(const ports::DeliveryRun& run) : run_(run) {}
  /// `member` took all of it. It stays where it is until report() has returned.
  void whole(ShardMember& member);
  /// The outcome of one frame at the recipients that did not take the whole run.
  ports::DeliveryOutcome& frame(std::uint32_t index);
  /// Adds the first outcome of each delivery of the run.
  void report(std::vector<ports::DeliveryOutcome>& out);

 private:
  ports::UserListPtr list_users() const;

  const ports::DeliveryRun& run_;
  std::uint32_t whole_ = 0;
  std::uint32_t named_count_ = 0;
  std::array<ShardMember*, ports::kMaxNamedUsers> named_;  ///< of those who took it whole, one for each user
  std::vector<ports::DeliveryOutcome> frames_;
};

/// Where deliveries for the connections of one loop come in and their outcomes go out, in one batch per
/// turn. Loop only.
class DeliveryDesk {
 public:
  ConnectionShard& shard() { return shard_; }

  void deliver(const std::vector<ports::DeliveryRunPtr>& runs);
  void add_targets(const model::ConnectionId& connection, const std::vector<model::Target>& targets);
  void remove_targets(const model::ConnectionId& connection, const std::vector<model::Target>& targets,
                      std::vector<std::string> notices);
  WebSocketSession* find(const model::ConnectionId& connection) const;

  /// Outcomes of frames that waited in a connection's lane.
  void changed(std::vector<ports::DeliveryOutcome> changes);
  /// `session` has frames that wait for a retry: retry_waiting() calls it until they are resolved.
  void watch(const std::shared_ptr<WebSocketSession>& session);
  bool watching() const { return !waiting_.empty(); }
  void retry_waiting(base::Monotonic now);

  bool has_outcomes() const { return !outcomes_.empty() || !changes_.empty(); }
  /// First outcomes before changes: a frame may begin and end its waiting in one turn.
  std::vector<ports::DeliveryOutcome> take_outcomes();

 private:
  ConnectionShard shard_;
  std::vector<ports::DeliveryOutcome> outcomes_;
  std::vector<ports::DeliveryOutcome> changes_;
  std::vector<std::weak_ptr<WebSocketSession>> waiting_;
};

}  // namespace carillon::gateway
