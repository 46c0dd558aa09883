#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "connection_handler/rejected_connects.hpp"
#include "connection_handler/waiting_connects.hpp"
#include "model/json.hpp"
#include "ports/authenticator.hpp"
#include "ports/connection_directory.hpp"
#include "ports/connection_events.hpp"
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
  /// Who is told of connects and disconnects, and may have a say in the former; null: nobody.
  ports::ConnectionEvents* events = nullptr;
  /// Told whom those refuse; not null where they decide.
  RejectedConnects* rejected = nullptr;
  /// Of those that wait for their verdict; as many as may be registered.
  std::size_t max_connections_per_user = 1000;
  int heartbeat_seconds = 25;
  std::string store_epoch;
};

/// The seeds' connection-handler: $connect, $disconnect, and the frames of CONTRACT §6, routed on `action`.
/// Called on gateway loops.
class ConnectionHandler final : public ports::WebSocketHandler {
 public:
  explicit ConnectionHandler(Dependencies dependencies)
      : with_(std::move(dependencies)), waiting_(with_.max_connections_per_user) {}

  void on_connect(ports::UpgradeRequest request, ports::Completion<ports::Admission> done) override;
  void on_frame(const ports::FrameContext& context, std::string_view text) override;
  void on_disconnect(const model::ConnectionId& connection, ports::SocketEnd end) override;

 private:
  struct Frame;
  struct Connect;
  using ConnectPtr = std::shared_ptr<Connect>;
  void admit(ports::UpgradeRequest request, model::IdentityPtr identity,
             ports::Completion<ports::Admission> done);
  void ask(ConnectPtr connect);
  void on_verdict(const ConnectPtr& connect, const ports::ConnectionView& asking,
                  model::Result<void> verdict);
  void register_connection(const ConnectPtr& connect,
                           ports::Completion<std::vector<std::string>> on_registered);
  ports::Admission admission_of(const Connect& connect, std::vector<std::string> chat_ids) const;
  void change_subscriptions(const Frame& frame, bool subscribe);
  void refresh_token(const Frame& frame);
  void presence(const Frame& frame);

  Dependencies with_;
  WaitingConnects waiting_;
};

}  // namespace carillon::connection_handler
