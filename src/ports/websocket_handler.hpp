#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "model/identity.hpp"
#include "ports/completion.hpp"
#include "ports/http.hpp"

namespace carillon::ports {

using LoopIndex = std::uint32_t;

/// One accepted WebSocket, held by those who answer it later. Any thread; calls on a socket that has closed
/// do nothing.
class SocketHandle {
 public:
  virtual ~SocketHandle() = default;
  /// Queues one text frame. A socket whose outbound buffer is full is closed 1013.
  virtual void send(std::string text) = 0;
  virtual void close(std::uint16_t code, std::string reason) = 0;
  /// After a refreshed token: the new expiry counts from now on.
  virtual void set_identity(model::IdentityPtr identity) = 0;
};
using SocketPtr = std::shared_ptr<SocketHandle>;

/// What the gateway knows of a socket when a frame comes in. Valid during the call only.
struct FrameContext {
  const model::ConnectionId& connection;
  const model::IdentityPtr& identity;
  const SocketPtr& socket;
};

/// An upgrade that passed the protocol checks (RFC 6455 §4.2.1, Origin, Host) and asks to be let in.
struct UpgradeRequest {
  HttpRequest http;
  std::vector<std::string> subprotocols;  ///< as offered, in order
  model::ConnectionId connection;         ///< made by the gateway
  LoopIndex loop = 0;
  std::stop_token client_gone;  ///< requested once nobody waits for the answer any more
};

/// What is known of a live connection (CONTRACT §5). Written at connect; only last_active_at changes, by the
/// loop that owns the socket.
struct ConnectionRecord {
  model::ConnectionId id;
  model::IdentityPtr identity;
  LoopIndex loop = 0;
  std::vector<model::Target> memberships;  ///< the org, hub and project named at connect time
  base::EpochMs connected_at = 0;
  std::string source_address;
  std::string user_agent;
  std::atomic<base::EpochMs> last_active_at{0};
};
using ConnectionRecordPtr = std::shared_ptr<ConnectionRecord>;

/// How the gateway is to accept an upgrade.
struct Admission {
  ConnectionRecordPtr record;  ///< its identity is the socket's; the gateway keeps last_active_at
  std::string subprotocol;     ///< echoed when not empty
  std::string first_frame;     ///< sent right after the 101 when not empty
};

/// How a socket came to its end.
struct SocketEnd {
  std::uint16_t code = 0;  ///< of the first close frame; 1005 when that had none, 1006 without a close frame
  bool by_client = false;  ///< the client sent that frame; else the server closed, or the socket went away
};

/// The seeds' $connect, $disconnect and $default routes. The gateway calls it on the socket's loop.
class WebSocketHandler {
 public:
  virtual ~WebSocketHandler() = default;
  /// Decides on an upgrade. An error becomes the HTTP answer in place of the 101.
  virtual void on_connect(UpgradeRequest request, Completion<Admission> done) = 0;
  /// One complete text message, already valid UTF-8 and within max_message_bytes.
  virtual void on_frame(const FrameContext& context, std::string_view text) = 0;
  /// Once for every connection that on_connect was called for and that was admitted.
  virtual void on_disconnect(const model::ConnectionId& connection, SocketEnd end) = 0;
};

}  // namespace carillon::ports
