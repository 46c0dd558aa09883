#include "comments_api/application.hpp"

#include <future>
#include <stdexcept>

#include <boost/asio/steady_timer.hpp>

#include "authorizer/bearer.hpp"
#include "authorizer/token_authenticator.hpp"
#include "base/event_loop.hpp"
#include "comments_api/comment_routes.hpp"
#include "comments_api/request_desk.hpp"
#include "comments_api/session_routes.hpp"
#include "comments_api/websocket_routes.hpp"
#include "gateway/gateway.hpp"
#include "outbound/curl_http_client.hpp"

namespace carillon::comments_api {
namespace {

constexpr std::size_t kMaxBodyBytes = 128 * 1024;
constexpr std::size_t kMaxConnections = 1024;
constexpr std::chrono::seconds kDrain{2};
constexpr std::chrono::seconds kLastBroadcasts{2};

gateway::Settings gateway_settings(const Settings& settings) {
  gateway::Settings gateway;
  gateway.listen = settings.listen;
  gateway.stage.clear();
  gateway.allowed_origins = settings.allowed_origins;
  gateway.threads = 1;
  gateway.max_message_bytes = kMaxBodyBytes;
  gateway.max_connections = kMaxConnections;
  gateway.drain = kDrain;
  return gateway;
}

/// There are no WebSockets here: they are Carillon's.
class NoWebSockets final : public ports::WebSocketHandler {
 public:
  void on_connect(ports::UpgradeRequest, ports::Completion<ports::Admission> done) override {
    done(model::fail(model::errors::kNotFound));
  }
  void on_frame(const ports::FrameContext&, std::string_view) override {}
  void on_disconnect(const model::ConnectionId&, ports::SocketEnd) override {}
};

WebSocketService::Later later_on(base::EventLoop& loop) {
  return [&loop](std::chrono::milliseconds delay, WebSocketService::Task task) {
    if (delay <= std::chrono::milliseconds::zero()) return loop.post(std::move(task));
    const auto timer = std::make_shared<boost::asio::steady_timer>(loop.io(), delay);
    timer->async_wait([timer, task = std::move(task)](boost::system::error_code failed) mutable {
      if (!failed) task();
    });
  };
}

std::unique_ptr<comment_store::CommentTable> open_table(const std::filesystem::path& directory) {
  auto table = comment_store::CommentTable::open(directory);
  if (!table) throw std::runtime_error(table.error().details());
  return std::move(*table);
}

void append(std::vector<ports::Route>& to, std::vector<ports::Route> more) {
  for (ports::Route& each : more) to.push_back(std::move(each));
}

}  // namespace

struct Application::Parts {
  explicit Parts(const Settings& settings)
      : gateway(gateway_settings(settings)),
        authenticator(settings.tokens, nullptr),
        table(open_table(settings.data)),
        websocket(std::make_shared<WebSocketService>(
            WebSocketService::Settings{.endpoint = settings.endpoint, .tokens = settings.tokens}, client,
            later_on(loop), &authorizer::system_time)) {}

  std::vector<ports::Route> routes(const Settings& settings) {
    std::vector<ports::Route> all = comment_routes(comments, &authorizer::system_time);
    append(all, session_routes(settings.tokens, &authorizer::system_time));
    append(all,
           websocket_routes({comments, *websocket, seen}, settings.events_key, &authorizer::system_time));
    return desk.on_loop(std::move(all));
  }

  gateway::Gateway gateway;
  NoWebSockets no_websockets;
  authorizer::TokenAuthenticator authenticator;
  base::EventLoop loop{"comments"};
  RequestDesk desk{loop};
  outbound::CurlHttpClient client{{.plain_http = outbound::PlainHttp::loopback_only}};
  std::unique_ptr<comment_store::CommentTable> table;
  std::shared_ptr<WebSocketService> websocket;
  CommentService comments{*table, *websocket};
  SeenConnections seen;
  bool stopped = false;
};

Application::Application(const Settings& settings) : parts_(std::make_unique<Parts>(settings)) {
  parts_->authenticator.start();
  parts_->loop.start();
  parts_->gateway.start({parts_->authenticator, parts_->no_websockets, parts_->routes(settings),
                         &authorizer::bearer_of_request});
}

Application::~Application() {
  stop();
}

std::uint16_t Application::port() const {
  return parts_->gateway.bound_port();
}

void Application::stop() {
  if (std::exchange(parts_->stopped, true)) return;
  std::promise<void> drained;
  parts_->gateway.drain([&drained] { drained.set_value(); });
  drained.get_future().wait();
  parts_->gateway.stop();

  const auto idle = std::make_shared<std::promise<void>>();
  parts_->loop.post(
      [websocket = parts_->websocket, idle] { websocket->when_idle([idle] { idle->set_value(); }); });
  idle->get_future().wait_for(kLastBroadcasts);
  parts_->client.stop();
  parts_->loop.stop();
}

}  // namespace carillon::comments_api
