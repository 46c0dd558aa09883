#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/settings.hpp"
#include "gateway/timing.hpp"
#include "ports/authenticator.hpp"
#include "ports/connection_gateway.hpp"
#include "ports/http.hpp"
#include "ports/metric_set.hpp"
#include "ports/tracer.hpp"
#include "ports/websocket_handler.hpp"

namespace carillon::gateway {

class Front;
class GatewayLoop;

/// What the gateway needs of its neighbours. They must outlive stop().
struct Services {
  ports::Authenticator& authenticator;
  ports::WebSocketHandler& handler;
  std::vector<ports::Route> routes;
  /// The bearer token of a request, for routes with Access::token; its error becomes the answer.
  std::function<base::Result<std::string>(const ports::HttpRequest&)> token_of;
  /// Null: nothing is traced, and a trace that comes in is passed on.
  ports::Tracer* tracer = nullptr;
  /// Who signed a request, for routes with Access::token_or_signature; nothing when it is not signed, and its
  /// token counts. Asked for every request. Empty: only tokens count.
  std::function<std::optional<base::Result<model::IdentityPtr>>(const ports::HttpRequest&)> signed_identity =
      nullptr;
};

/// The front door: HTTP/1.1 and WebSocket (RFC 6455) on one port, TLS when configured. One loop per core,
/// each with a listening socket of its own; a connection lives and dies on its loop.
///
/// Made before the rooms that it serves, as they need it as their ConnectionGateway; start() opens the door.
/// Source: CONTRACT §2, §5, §6, §12; seed architecture-overview-v2, API Gateway.
class Gateway final : public ports::ConnectionGateway, public ports::MetricSource {
 public:
  /// Reads the certificate when TLS is configured. Throws std::runtime_error when the settings cannot work.
  explicit Gateway(Settings settings, Timing timing = {});
  ~Gateway() override;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Listens and serves. Throws std::runtime_error, naming the address, when it cannot listen. Once.
  void start(Services services);
  /// The port in use: the configured one, or what the system chose for port 0. After start().
  std::uint16_t bound_port() const;

  /// Refuses upgrades from now on, ends what is under way, tells `carillon.v1` clients when to come back and
  /// closes all connections with 1001, spread over settings.drain. `done` runs once, on a loop, when all are
  /// gone or the time is over. Any thread. The port stays open for /ready until stop().
  void drain(std::move_only_function<void()> done);
  /// For /ready. Any thread.
  bool draining() const;
  /// Closes whatever is left (1001) and joins the loops. Not from a loop. Called by the destructor.
  void stop();

  /// Reads certificate and key again for new connections; keeps the old ones, and logs, when that fails.
  /// False when it failed. Any thread.
  bool reload_tls();
  /// `[limits] connects_per_second` from now on. Any thread.
  void set_connects_per_second(double limit);

  /// Live WebSockets. Any thread.
  std::size_t connection_count() const;
  /// Nothing before start().
  void collect(ports::MetricSet& into) const override;

  ports::LoopIndex loop_count() const override;
  void set_outcome_sink(OutcomeSink sink) override;
  void deliver(ports::LoopIndex loop, std::vector<ports::DeliveryRunPtr> runs) override;
  void add_targets(ports::LoopIndex loop, const model::ConnectionId& connection,
                   std::vector<model::Target> targets) override;
  void remove_targets(ports::LoopIndex loop, const model::ConnectionId& connection,
                      std::vector<model::Target> targets, std::vector<std::string> notices,
                      std::move_only_function<void()> done) override;
  void send(ports::LoopIndex loop, const model::ConnectionId& connection, std::string text,
            std::move_only_function<void(bool taken)> done) override;
  void close(ports::LoopIndex loop, const model::ConnectionId& connection, std::uint16_t code,
             std::string reason) override;
  void run_on(ports::LoopIndex loop, std::move_only_function<void()> task) override;

 private:
  std::shared_ptr<Front> front_;
  std::vector<std::shared_ptr<GatewayLoop>> loops_;
  std::uint16_t port_ = 0;
  std::atomic<bool> started_{false};
  bool stopped_ = false;
};

}  // namespace carillon::gateway
