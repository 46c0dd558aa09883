#pragma once

#include <chrono>
#include <deque>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "cli/client.hpp"
#include "cli/socket_stream.hpp"
#include "cli/websocket_frames.hpp"

namespace carillon::cli {

/// A small WebSocket client (RFC 6455) for one thread: blocking, interruptible, answers pings. The process
/// must ignore SIGPIPE.
class WebSocketClient {
 public:
  struct Options {
    Endpoint endpoint;
    std::string target;  ///< path and query below the endpoint's path
    std::string token;   ///< sent as `Authorization: Bearer`
    std::string subprotocol;
    std::chrono::milliseconds timeout{10'000};  ///< for connecting and for each write
    int interrupt = -1;                         ///< readable when waiting is to end
  };
  /// Why there is no connection: the server's HTTP answer when it gave one, else a reason.
  struct Refusal {
    HttpReply reply;  ///< status 0: no answer
    std::string reason;
  };
  static std::expected<WebSocketClient, Refusal> connect(const Options& options);

  enum class Ending { none, closed, interrupted, lost };
  struct Event {
    Ending ending = Ending::none;
    ServerEvent message;  ///< text or binary; the close frame when `closed`
    std::string reason;   ///< when `lost`
  };
  /// The next message, or how it ended. Waits for ever.
  Event next();
  /// Starts the closing handshake and waits for the server's answer, 2 s at most.
  void close(std::uint16_t code);

 private:
  WebSocketClient(std::unique_ptr<SocketStream> stream, std::chrono::milliseconds timeout);
  bool send(model::Opcode opcode, std::string_view payload);
  bool take(std::string_view bytes);

  std::unique_ptr<SocketStream> stream_;
  std::chrono::milliseconds timeout_;
  ServerFrames frames_;
  std::deque<ServerEvent> events_;
  std::string failure_;
};

/// The request of RFC 6455 §4.1; `key` is the Sec-WebSocket-Key.
std::string upgrade_request(const WebSocketClient::Options& options, std::string_view key);
/// What the server must answer to `key` in Sec-WebSocket-Accept.
std::string websocket_accept(std::string_view key);
/// Whether `head` (status line and header lines) accepts the upgrade; else what is wrong with it.
std::expected<void, std::string> check_upgrade(std::string_view head, std::string_view key,
                                               std::string_view subprotocol);
/// A header's value, or empty. `name` in lower case.
std::string header_value(std::string_view head, std::string_view name);
/// The status of an HTTP/1.1 status line, or 0.
int status_of(std::string_view head);

}  // namespace carillon::cli
