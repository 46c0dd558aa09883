#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "model/message.hpp"
#include "ports/queue_admin.hpp"
#include "ports/user_list.hpp"
#include "ports/websocket_handler.hpp"

namespace carillon::ports {

/// Names one delivery of one message: the processor's own number, given back with the outcome.
using DeliveryId = std::uint64_t;

/// One message of a run: frames of a run stand one after another in one buffer.
struct RunFrame {
  DeliveryId delivery = 0;
  std::uint32_t end = 0;  ///< offset just after the frame
};

/// Consecutive messages for one target, encoded once and shared by every connection of every loop.
struct DeliveryRun {
  model::Target target;
  std::string frames;  ///< server text frames (RFC 6455), each whole
  std::vector<RunFrame> index;
  model::UserId except;             ///< whose connections are left out; empty: nobody's
  std::vector<model::UserId> only;  ///< whose connections get it; empty: everybody's

  /// The same frames under permessage-deflate, made by the first loop that needs them.
  struct Compressed {
    std::once_flag once;
    std::string frames;
    std::vector<std::uint32_t> ends;
  };
  std::unique_ptr<Compressed> compressed = std::make_unique<Compressed>();
};
using DeliveryRunPtr = std::shared_ptr<const DeliveryRun>;

/// What became of a delivery on one loop. A loop answers each delivery once with `first`, and again when
/// recipients that were waiting for a retry are resolved.
struct DeliveryOutcome {
  DeliveryId delivery = 0;
  bool first = true;
  std::uint32_t delivered = 0;          ///< accepted into live connections' buffers
  std::uint32_t gone = 0;               ///< recipients whose connection is no more
  std::int32_t waiting = 0;             ///< change in the number of recipients that wait for a retry
  UserListPtr users;                    ///< the first of those who accepted it
  std::vector<FailedRecipient> failed;  ///< out of attempts
};

/// The sockets, as the processor and the directory see them. Called on the bus loop; each call is carried
/// out on the socket's loop, in order with the other calls for that loop.
class ConnectionGateway {
 public:
  using OutcomeSink = std::function<void(LoopIndex, std::vector<DeliveryOutcome>)>;

  virtual ~ConnectionGateway() = default;
  virtual LoopIndex loop_count() const = 0;
  /// Where outcomes go; called on the gateway's loops. Set once before anything is delivered.
  virtual void set_outcome_sink(OutcomeSink sink) = 0;

  virtual void deliver(LoopIndex loop, std::vector<DeliveryRunPtr> runs) = 0;
  virtual void add_targets(LoopIndex loop, const model::ConnectionId& connection,
                           std::vector<model::Target> targets) = 0;
  /// Takes targets away; frames of them that wait for a retry are dropped as gone. `notices` are then sent
  /// as text frames, each after the last frame of its target; `done` runs on the loop after that.
  virtual void remove_targets(LoopIndex loop, const model::ConnectionId& connection,
                              std::vector<model::Target> targets, std::vector<std::string> notices,
                              std::move_only_function<void()> done) = 0;
  /// Queues one text frame, after all that the connection was given before. `done` runs on the loop and says
  /// whether the connection took it: false when it is gone, or closed 1013 because it does not keep up.
  virtual void send(LoopIndex loop, const model::ConnectionId& connection, std::string text,
                    std::move_only_function<void(bool taken)> done) = 0;
  virtual void close(LoopIndex loop, const model::ConnectionId& connection, std::uint16_t code,
                     std::string reason) = 0;
  /// Runs `task` on the loop after everything handed over before.
  virtual void run_on(LoopIndex loop, std::move_only_function<void()> task) = 0;
};

}  // namespace carillon::ports
