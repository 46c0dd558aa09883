#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include <gtest/gtest.h>

#include "gateway/gateway.hpp"
#include "unit/gateway/test_client.hpp"

namespace carillon::gateway::testing {

/// Knows `good` (user alice) and `bob`; has no keys for `nokeys`; anything else is unauthorized.
class FakeAuthenticator final : public ports::Authenticator {
 public:
  void authenticate(std::string_view token, ports::Completion<model::IdentityPtr> done) override;

  std::atomic<int> calls{0};
  std::atomic<bool> later{false};  ///< answer from another thread
  std::atomic<base::EpochMs> expires_at{0};
};

/// Admits everybody as the user named by `?user=` (else `alice`), and writes down what happens.
class FakeHandler final : public ports::WebSocketHandler {
 public:
  void on_connect(ports::UpgradeRequest request, ports::Completion<ports::Admission> done) override;
  void on_frame(const ports::FrameContext& context, std::string_view text) override;
  void on_disconnect(const model::ConnectionId& connection, ports::SocketEnd end) override;

  /// The id of the n-th connection that asked to be let in.
  model::ConnectionId connection(std::size_t n);
  ports::LoopIndex loop_of(const model::ConnectionId& id);
  std::string frame(std::size_t n);
  std::size_t frames();
  /// Waits until the connection was reported as gone; the code.
  std::uint16_t disconnected(const model::ConnectionId& id);
  /// The same; whether the client closed it.
  bool closed_by_client(const model::ConnectionId& id);
  bool is_disconnected(const model::ConnectionId& id);
  std::shared_ptr<ports::ConnectionRecord> record(const model::ConnectionId& id);
  ports::SocketPtr socket();

  /// Runs on the loop before an upgrade is decided; may keep `done` (by moving from it) or change the rest.
  std::function<void(ports::UpgradeRequest&, ports::Completion<ports::Admission>&, ports::Admission&)>
      connecting;
  std::function<void(const ports::FrameContext&, std::string_view)> receiving;
  std::atomic<base::EpochMs> expires_at{0};
  ports::UpgradeRequest last_request;

 private:
  template <typename Ready>
  void await(Ready ready);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<model::ConnectionId> connections_;
  std::map<model::ConnectionId, ports::LoopIndex> loops_;
  std::map<model::ConnectionId, ports::SocketEnd> disconnected_;
  std::map<model::ConnectionId, std::shared_ptr<ports::ConnectionRecord>> records_;
  std::deque<std::string> frames_;
  ports::SocketPtr socket_;
};

/// A gateway on a port of its own, with clocks that the test turns.
class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest();
  ~GatewayTest() override;

  /// With `settings_` and `routes_` as they stand.
  void start();
  std::uint16_t port() const { return gateway_->bound_port(); }
  void advance(std::chrono::milliseconds by) { shift_ms_ += by.count(); }
  base::EpochMs wall() const { return base::now_ms() + shift_ms_; }

  /// Opens a WebSocket and reads the 101.
  std::unique_ptr<TestClient> open(std::string_view target = "/", std::string_view extra = {},
                                   int receive_buffer = 0);
  void add_route(std::string method, std::string path, ports::Access access, ports::HttpHandler handler,
                 std::size_t body_factor = 1);
  /// Answers `{"path":…,"body":…}`-like plain text.
  static ports::HttpHandler echo_route();
  /// One message per text, for `target`, with deliveries from `first` on.
  static ports::DeliveryRunPtr run_of(model::Target target, const std::vector<std::string>& texts,
                                      ports::DeliveryId first = 1);
  /// Waits until the loop has done what was handed over before, and seen what the sockets held.
  void settle(ports::LoopIndex loop = 0);
  /// Adds a target for the n-th connection and waits until it is in force.
  model::ConnectionId subscribe(std::size_t n, std::vector<model::Target> targets);

  /// Outcomes of a delivery, summed up; waits until `ready` accepts them.
  ports::DeliveryOutcome outcome(ports::DeliveryId delivery,
                                 const std::function<bool(const ports::DeliveryOutcome&)>& ready);
  ports::DeliveryOutcome outcome(ports::DeliveryId delivery);
  /// A figure of the gateway, of a histogram the count; -1 when it is not there.
  double figure(std::string_view name, const ports::Labels& labels = {}) const;

  Settings settings_;
  std::vector<ports::Route> routes_;
  FakeAuthenticator authenticator_;
  FakeHandler handler_;
  ports::Tracer* tracer_ = nullptr;
  /// Who signed a request; as Services::signed_identity.
  std::function<std::optional<base::Result<model::IdentityPtr>>(const ports::HttpRequest&)> signed_identity_;
  std::unique_ptr<Gateway> gateway_;
  std::atomic<std::int64_t> shift_ms_{0};

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<ports::DeliveryId, ports::DeliveryOutcome> outcomes_;
};

}  // namespace carillon::gateway::testing
