#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "model/json.hpp"
#include "ports/authenticator.hpp"
#include "ports/connection_directory.hpp"
#include "ports/websocket_handler.hpp"

namespace carillon::connection_handler {

/// What the handler needs of its neighbours.
struct Dependencies {
  ports::ConnectionDirectory& directory;
  ports::Authenticator& authenticator;
  /// Finds and verifies the token or ticket of an upgrade (CONTRACT §3).
  std::function<void(const ports::UpgradeRequest&, ports::Completion<model::IdentityPtr>)> authorize_upgrade;
  /// Takes `sendMessage` frames; the last argument is the frame's requestId as JSON text, or empty.
  std::function<void(const ports::FrameContext&, const model::JsonDocument&, std::string_view)> send_message;
  int heartbeat_seconds = 25;
  std::string store_epoch;
};

/// The seeds' connection-handler: $connect, $disconnect, and the frames of CONTRACT §6, routed on `action`.
/// Called on gateway loops; keeps no state of its own.
class ConnectionHandler final : public ports::WebSocketHandler {
 public:
  explicit ConnectionHandler(Dependencies dependencies) : with_(std::move(dependencies)) {}

  void on_connect(ports::UpgradeRequest request, ports::Completion<ports::Admission> done) override;
  void on_frame(const ports::FrameContext& context, std::string_view text) override;
  void on_disconnect(const model::ConnectionId& connection, std::uint16_t code) override;

 private:
  struct Frame;
  void admit(ports::UpgradeRequest request, model::IdentityPtr identity,
             ports::Completion<ports::Admission> done);
  void change_subscriptions(const Frame& frame, bool subscribe);
  void refresh_token(const Frame& frame);
  void presence(const Frame& frame);

  Dependencies with_;
};

}  // namespace carillon::connection_handler
