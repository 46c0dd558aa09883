#pragma once

#include <stop_token>

#include "ports/completion.hpp"
#include "ports/connection_directory.hpp"
#include "ports/websocket_handler.hpp"

namespace carillon::ports {

/// Who is told of connects and disconnects, and may refuse the former (CONTRACT §12, `[events]`). Of one
/// connection decide() or connected() is called before the others, by whatever threads. Any thread.
class ConnectionEvents {
 public:
  virtual ~ConnectionEvents() = default;

  /// Whether each connect is put to decide() before it is registered; else connected() tells of it after.
  /// Always the same.
  virtual bool decides() const = 0;
  /// Whether the connection, which is not registered and would have these chats, may come to be. The verdict
  /// comes within 9 seconds, and soon after `client_gone`. After an error nothing more is told of it. Errors:
  /// connection_rejected; unavailable (retryable): nobody decided, or the client has gone.
  virtual void decide(ConnectionView asking, std::stop_token client_gone, Completion<void> verdict) = 0;
  /// It was let in by decide(), and yet is not to be.
  virtual void not_admitted(ConnectionView asking) = 0;

  virtual void connected(ConnectionView connection) = 0;
  /// A registered connection is no more; `last` is what it was at its end.
  virtual void disconnected(ConnectionView last, SocketEnd end) = 0;
};

}  // namespace carillon::ports
