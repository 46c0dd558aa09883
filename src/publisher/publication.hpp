#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/json.hpp"
#include "ports/message_bus.hpp"

namespace carillon::publisher {

/// The channels that a message may name, besides WebSocket.
struct Channels {
  struct Channel {
    std::string name;
    bool backend_only = false;
  };
  std::vector<Channel> configured;
};

/// Where a publication comes from.
struct Origin {
  const model::IdentityPtr& identity;
  model::ConnectionId connection;  ///< empty over HTTP
  std::string idempotency_key;     ///< HTTP's Idempotency-Key, or empty; an id in the body wins
};

/// Validates and enriches a body of CONTRACT §7. Pure; any thread. Errors: those of §7's table with status
/// 400, and channel_closed.
model::Result<ports::Publication> make_publication(const model::JsonDocument& document, const Origin& origin,
                                                   const Channels& channels);

/// How a publisher answers an error of the bus: a failure inside becomes `failed` (`Failed to publish
/// message`), with the stable code as its details; every other error stays what it is. Pure.
model::Error answer_to(const model::Error& error, const base::ErrorEntry& failed);

/// What of a publication its answer repeats; kept while the publication itself is on its way.
struct Echo {
  model::MessageType type;
  std::string channel;
  std::string group_id;
  explicit Echo(const ports::Publication& publication)
      : type(publication.type), channel(publication.channel), group_id(publication.group_id) {}
};

/// The members of the 200 answer of §7 from `messageId` on, without braces.
std::string receipt_members(const Echo& echo, const ports::Receipt& receipt);

}  // namespace carillon::publisher
