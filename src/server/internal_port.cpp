#include "server/internal_port.hpp"

#include <stdexcept>

#include "gateway/gateway.hpp"

namespace carillon::server {
namespace {

constexpr std::size_t kMaxConnections = 256;
constexpr std::size_t kMaxBodyBytes = 1024;

gateway::Settings internal_settings(const Settings& settings) {
  gateway::Settings internal;
  internal.listen = settings.internal_listen;
  internal.stage.clear();
  internal.threads = 1;
  internal.max_connections = kMaxConnections;
  internal.max_message_bytes = kMaxBodyBytes;
  internal.dev = settings.gateway.dev;
  internal.internal = true;
  return internal;
}

/// Who is asked for tokens and upgrades where there are none.
class Nobody final : public ports::Authenticator, public ports::WebSocketHandler {
 public:
  void authenticate(std::string_view, ports::Completion<model::IdentityPtr> done) override {
    done(model::fail(model::errors::kUnauthorized));
  }
  void on_connect(ports::UpgradeRequest, ports::Completion<ports::Admission> done) override {
    done(model::fail(model::errors::kNotFound));
  }
  void on_frame(const ports::FrameContext&, std::string_view) override {}
  void on_disconnect(const model::ConnectionId&, ports::SocketEnd) override {}
};

}  // namespace

struct InternalPort::Parts {
  explicit Parts(const Settings& settings) : gateway(internal_settings(settings)) {}

  Nobody nobody;
  gateway::Gateway gateway;
};

InternalPort::InternalPort(const Settings& settings, std::vector<ports::Route> routes)
    : parts_(std::make_unique<Parts>(settings)) {
  for (const ports::Route& route : routes)
    if (route.access != ports::Access::open)
      throw std::runtime_error("the internal port knows no tokens, which " + route.path + " asks for");
  const auto no_token = [](const ports::HttpRequest&) -> base::Result<std::string> {
    return model::fail(model::errors::kUnauthorized);
  };
  parts_->gateway.start({parts_->nobody, parts_->nobody, std::move(routes), no_token});
}

InternalPort::~InternalPort() = default;

std::uint16_t InternalPort::port() const {
  return parts_->gateway.bound_port();
}

void InternalPort::stop() {
  parts_->gateway.stop();
}

}  // namespace carillon::server
