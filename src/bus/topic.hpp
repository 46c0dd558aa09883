#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "bus/filter_policy.hpp"
#include "bus/settings.hpp"
#include "model/message.hpp"

namespace carillon::bus {

/// A queue's place in Topics::queues(). The first three are always the same.
using QueueIndex = std::uint16_t;
inline constexpr QueueIndex kWebSocketFifoQueue = 0;
inline constexpr QueueIndex kWebSocketStandardQueue = 1;
inline constexpr QueueIndex kMessageStorageQueue = 2;
inline constexpr QueueIndex kNoQueue = std::numeric_limits<QueueIndex>::max();

/// A set of queues: bit N is queue N.
using QueueMask = std::uint64_t;

/// Calls `each(QueueIndex)` for the queues of `mask`, lowest first.
template <typename Each>
void for_each_queue(QueueMask mask, Each&& each) {
  for (; mask != 0; mask &= mask - 1) each(static_cast<QueueIndex>(std::countr_zero(mask)));
}

enum class Consumer : std::uint8_t { web_socket, storage, webhook };

struct QueueDefinition {
  std::string name;
  std::string dead_letter_queue;
  bool fifo = false;
  Consumer consumer = Consumer::web_socket;
  std::size_t channel = 0;  ///< of a webhook queue: its place in Settings::channels
};

/// The topics Notifications.fifo and Notification with the queues that are subscribed to them, and the
/// subscriptions' filter policies (CONTRACT §11). Bus loop only.
class Topics {
 public:
  static constexpr std::size_t kMaxQueues = 64;  ///< so 30 channels beside WebSocket

  /// Errors: invalid_parameter (filter policy, a channel's name that is taken or empty, too many channels).
  static base::Result<Topics> create(const Settings& settings);

  const std::vector<QueueDefinition>& queues() const { return queues_; }

  /// The queues that take a message, by topic and filter policy. None for an ephemeral message.
  QueueMask route(const model::MessageBody& message) const;
  /// The same for a published one: what came out of a dead letter queue goes to its own queue only; to none
  /// when the configuration no longer has that queue.
  QueueMask route(const model::Message& message) const;

  /// By the queue's name, or by its dead letter queue's.
  std::optional<QueueIndex> find(std::string_view queue) const;
  std::optional<QueueIndex> find_by_dead_letter_queue(std::string_view dead_letter_queue) const;

  /// Whether messages may name this targetChannel, and whether only backends may.
  bool has_channel(std::string_view channel) const;
  bool backend_only(std::string_view channel) const;
  /// Names of all channels, WebSocket first.
  std::vector<std::string> channels() const;

  /// Takes over filter policies (and `publishers`) of a re-read configuration; all or nothing. Errors:
  /// invalid_parameter (policy; channels added or removed, which needs a restart).
  base::Result<void> reload(const Settings& settings);

 private:
  struct Channel {
    std::string name;
    bool backend_only = false;
    FilterPolicy filter;
    QueueMask standard = 0;
    QueueMask fifo = 0;
  };

  static base::Result<FilterPolicy> filter_of(const ChannelSettings& channel);
  base::Result<void> add_channel(const ChannelSettings& channel, std::size_t index);

  std::vector<QueueDefinition> queues_;
  std::vector<Channel> channels_;  ///< WebSocket first
};

}  // namespace carillon::bus
