#include "server/server.hpp"

#include <array>
#include <future>
#include <stdexcept>

#include <boost/asio/steady_timer.hpp>

#include "authorizer/access_keys.hpp"
#include "authorizer/bearer.hpp"
#include "authorizer/dev_key.hpp"
#include "authorizer/ticket_office.hpp"
#include "authorizer/token_authenticator.hpp"
#include "authorizer/token_minter.hpp"
#include "authorizer/upgrade_authorizer.hpp"
#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "chat_permission/chat_permission_handler.hpp"
#include "connection_handler/connect_check.hpp"
#include "connection_handler/connection_handler.hpp"
#include "embedded/local_node.hpp"
#include "gateway/gateway.hpp"
#include "management/connection_routes.hpp"
#include "management/management_api.hpp"
#include "management/queue_routes.hpp"
#include "message_retrieval/message_routes.hpp"
#include "observability/trace_exporter.hpp"
#include "outbound/curl_http_client.hpp"
#include "publisher/http_message_publisher.hpp"
#include "publisher/websocket_message_publisher.hpp"
#include "server/dev_authenticator.hpp"
#include "server/event_sending.hpp"
#include "server/health_routes.hpp"
#include "server/internal_port.hpp"
#include "server/observation.hpp"
#include "server/routes.hpp"
#include "server/try_page.hpp"

namespace carillon::server {
namespace {

using authorizer::TokenAuthenticator;

constexpr std::chrono::hours kDevTokenLifetime{24};

/// Values that two rooms need and one section of the configuration sets.
Settings shared_values(Settings settings) {
  settings.bus.max_subscriptions_per_connection = settings.gateway.max_subscriptions_per_connection;
  settings.bus.max_connections_per_user = settings.gateway.max_connections_per_user;
  settings.gateway.max_attempts = settings.bus.max_attempts;
  settings.gateway.retry_base = settings.bus.retry_base;
  settings.bus.high_latency_ms = settings.high_latency_ms;
  return settings;
}

/// The settings that trust the key in the data directory; nothing without --dev.
std::optional<authorizer::Settings> dev_settings_of(const Settings& settings) {
  if (!settings.gateway.dev) return std::nullopt;
  auto key = authorizer::load_or_create_dev_key(settings.data_dir);
  if (!key) throw std::runtime_error(key.error().details());
  return authorizer::dev_settings(std::move(*key));
}

/// Stops the clients when it goes, which is when a start fails, too: their answers belong to what was made
/// before it and goes after it.
struct StoppedClients {
  std::array<outbound::CurlHttpClient*, 3> clients;

  ~StoppedClients() {
    for (outbound::CurlHttpClient* each : clients) each->stop();
  }
};

/// Null without an endpoint.
std::unique_ptr<observability::TraceExporter> exporter_of(const Settings& settings, ports::HttpClient& http) {
  if (settings.tracing_endpoint.empty()) return nullptr;
  return std::make_unique<observability::TraceExporter>(
      observability::TraceSettings{.endpoint = settings.tracing_endpoint,
                                   .sample_ratio = settings.tracing_sample_ratio,
                                   .version = base::kVersion},
      http);
}

std::unique_ptr<embedded::LocalNode> open_node(const Settings& settings, gateway::Gateway& gateway,
                                               ports::HttpClient& http, ports::Tracer* tracer) {
  embedded::NodeSettings node{.bus = settings.bus, .directory = settings.data_dir, .tracer = tracer};
  embedded::StoreOptions options;
  options.retention.standard = settings.bus.history_retention;
  for (const auto& [prefix, retention] : settings.bus.history_overrides)
    options.retention.overrides.emplace(prefix, retention);
  auto opened = embedded::LocalNode::open(std::move(node), std::move(options), gateway, http);
  if (!opened) throw std::runtime_error(opened.error().details());
  return std::move(*opened);
}

authorizer::AccessKeys access_keys_of(const Settings& settings) {
  std::vector<authorizer::AccessKey> keys;
  for (const AwsKey& each : settings.aws_keys)
    keys.push_back({each.access_key_id, each.secret_access_key, each.scopes});
  return authorizer::AccessKeys(std::move(keys));
}

publisher::Channels channels_of(const bus::Settings& settings) {
  publisher::Channels channels;
  for (const bus::ChannelSettings& each : settings.channels)
    channels.configured.push_back({each.name, each.backend_only});
  return channels;
}

}  // namespace

struct Server::Parts {
  explicit Parts(Settings given);

  std::vector<std::string> not_ready() const;
  std::vector<ports::Route> routes();
  std::vector<ports::Route> internal_routes();
  authorizer::UpgradeCheck upgrade_check();
  std::vector<const ports::MetricSource*> sources() const;
  void tick();

  Settings settings;
  base::EventLoop loop{"housekeeping"};
  boost::asio::steady_timer timer{loop.io()};
  outbound::CurlHttpClient key_client{{.plain_http = outbound::PlainHttp::loopback_only}};
  outbound::CurlHttpClient webhook_client;
  outbound::CurlHttpClient trace_client;
  std::unique_ptr<observability::TraceExporter> tracer;

  std::optional<authorizer::Settings> dev_settings;
  std::unique_ptr<TokenAuthenticator> dev_authenticator;
  std::unique_ptr<TokenAuthenticator> configured_authenticator;
  std::unique_ptr<DevAuthenticator> either_authenticator;
  ports::Authenticator* authenticator = nullptr;
  authorizer::AccessKeys access_keys;
  authorizer::TicketOffice tickets;
  std::unique_ptr<authorizer::UpgradeAuthorizer> upgrade_authorizer;

  gateway::Gateway gateway;
  std::unique_ptr<embedded::LocalNode> node;
  publisher::Channels channels;
  publisher::WebSocketMessagePublisher websocket_publisher;
  publisher::HttpMessagePublisher http_publisher;
  chat_permission::ChatPermissionHandler permission_handler;
  std::unique_ptr<EventSending> events;  ///< null without `[events]`
  connection_handler::RejectedConnects rejected_connects;
  std::unique_ptr<TryPage> try_page;  ///< null without --dev
  std::unique_ptr<connection_handler::ConnectionHandler> connection_handler;
  std::unique_ptr<Observation> observation;
  std::unique_ptr<InternalPort> internal_port;
  StoppedClients stopped_clients{{&key_client, &webhook_client, &trace_client}};
  bool stopped = false;
};

Server::Parts::Parts(Settings given)
    : settings(shared_values(std::move(given))),
      tracer(exporter_of(settings, trace_client)),
      dev_settings(dev_settings_of(settings)),
      access_keys(access_keys_of(settings)),
      tickets(settings.auth.leeway),
      gateway(settings.gateway),
      node(open_node(settings, gateway, webhook_client, tracer.get())),
      channels(channels_of(settings.bus)),
      websocket_publisher(node->message_bus(), channels, tracer.get()),
      http_publisher(node->message_bus(), channels, tracer.get()),
      permission_handler(node->permissions()),
      events(EventSending::of(settings.events)),
      try_page(dev_settings ? std::make_unique<TryPage>(node->permissions(), *dev_settings) : nullptr) {
  if (dev_settings) dev_authenticator = std::make_unique<TokenAuthenticator>(*dev_settings, nullptr);
  if (settings.has_auth())
    configured_authenticator = std::make_unique<TokenAuthenticator>(settings.auth, &key_client);
  if (dev_authenticator && configured_authenticator)
    either_authenticator = std::make_unique<DevAuthenticator>(*dev_authenticator, *configured_authenticator);
  authenticator = either_authenticator ? static_cast<ports::Authenticator*>(either_authenticator.get())
                  : dev_authenticator  ? dev_authenticator.get()
                                       : configured_authenticator.get();
  if (!authenticator) throw std::runtime_error("nobody's tokens are trusted: set [auth], or use --dev");
  upgrade_authorizer = std::make_unique<authorizer::UpgradeAuthorizer>(
      *authenticator, tickets, &authorizer::system_time, tracer.get());
  connection_handler =
      std::make_unique<connection_handler::ConnectionHandler>(connection_handler::Dependencies{
          .directory = node->directory(),
          .authenticator = upgrade_authorizer->for_refresh(),
          .authorize_upgrade =
              [this](const ports::UpgradeRequest& request, ports::Completion<model::IdentityPtr> done) {
                upgrade_authorizer->authorize(request, std::move(done));
              },
          .send_message =
              [this](const ports::FrameContext& context, const model::JsonDocument& frame,
                     std::string_view request_id) {
                websocket_publisher.on_send_message(context, frame, request_id);
              },
          .events = events ? &events->events() : nullptr,
          .rejected = &rejected_connects,
          .max_connections_per_user = settings.gateway.max_connections_per_user,
          .heartbeat_seconds = static_cast<int>(settings.gateway.heartbeat.count()),
          .store_epoch = node->store_epoch()});
  if (configured_authenticator) configured_authenticator->start();
  if (dev_authenticator) dev_authenticator->start();
  observation = std::make_unique<Observation>(settings, Observation::Watched{.series = node->series(),
                                                                             .history = node->history(),
                                                                             .times = node->message_times(),
                                                                             .webhook_client = webhook_client,
                                                                             .sources = sources()});
  observation->start();
  if (!settings.internal_listen.empty())
    internal_port = std::make_unique<InternalPort>(settings, internal_routes());
  gateway.start({*authenticator, *connection_handler, routes(), authorizer::bearer_of_request, tracer.get(),
                 [this](const ports::HttpRequest& request) { return access_keys.signer_of(request); }});
  loop.start();
  loop.post([this] { tick(); });
}

std::vector<std::string> Server::Parts::not_ready() const {
  std::vector<std::string> reasons = node->not_ready_reasons();
  if (gateway.draining()) reasons.emplace_back("draining");
  return reasons;
}

std::vector<ports::Route> Server::Parts::routes() {
  std::vector<ports::Route> all = health_routes([this] { return not_ready(); });
  append_routes(all, http_publisher.routes());
  append_routes(all, permission_handler.routes());
  append_routes(all, message_retrieval::message_routes(node->history()));
  append_routes(all, management::queue_routes(node->queues()));
  append_routes(all, management::connection_routes(node->directory()));
  append_routes(all, management::management_api_routes(node->directory()));
  append_routes(all, observation->routes());
  if (try_page) append_routes(all, try_page->routes());
  all.push_back(authorizer::ticket_route(tickets, upgrade_check()));
  return all;
}

/// What a ticket is refused for is what its upgrade would be.
authorizer::UpgradeCheck Server::Parts::upgrade_check() {
  return [this](const ports::HttpRequest& request, ports::Completion<void> done) {
    connection_handler::check_connect(request, node->directory(), rejected_connects, std::move(done));
  };
}

std::vector<ports::Route> Server::Parts::internal_routes() {
  std::vector<ports::Route> all = health_routes([this] { return not_ready(); });
  all.push_back(observation->open_route());
  return all;
}

std::vector<const ports::MetricSource*> Server::Parts::sources() const {
  std::vector<const ports::MetricSource*> all{&gateway, &node->figures(), upgrade_authorizer.get()};
  if (tracer) all.push_back(tracer.get());
  if (events) all.push_back(&events->figures());
  return all;
}

void Server::Parts::tick() {
  if (configured_authenticator) configured_authenticator->tick();
  timer.expires_after(std::chrono::seconds(1));
  timer.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

Server::Server(Settings settings) : parts_(std::make_unique<Parts>(std::move(settings))) {}

Server::~Server() {
  stop();
}

std::uint16_t Server::port() const {
  return parts_->gateway.bound_port();
}

std::string Server::dev_token() const {
  authorizer::TokenRequest request;
  request.user = "dev";
  request.scopes = {"carillon/publish", "carillon/admin", "carillon/metrics"};
  request.lifetime = kDevTokenLifetime;
  return authorizer::mint_token(parts_->dev_settings.value(), request, base::now_ms()).value();
}

void Server::reload(const Settings& settings) {
  base::log::set_level(settings.log_level);
  parts_->gateway.reload_tls();
  parts_->gateway.set_connects_per_second(settings.gateway.connects_per_second);
  if (parts_->configured_authenticator) parts_->configured_authenticator->reload();
  std::promise<void> reloaded;
  parts_->node->reload(settings.bus, [&reloaded](base::Result<void> result) {
    if (result)
      base::log::info("configuration_reloaded", "configuration read again");
    else
      base::log::error("configuration_refused", "filter policies are as before",
                       {{"reason", result.error().details()}});
    reloaded.set_value();
  });
  reloaded.get_future().wait();
}

void Server::drain(std::function<void()> done) {
  parts_->gateway.drain(std::move(done));
}

void Server::stop() {
  if (std::exchange(parts_->stopped, true)) return;
  if (parts_->events) parts_->events->admit_nobody();
  parts_->gateway.stop();
  if (parts_->events) parts_->events->stop(parts_->node->directory());
  if (parts_->internal_port) parts_->internal_port->stop();
  if (parts_->configured_authenticator) parts_->configured_authenticator->stop();
  parts_->loop.stop();
  parts_->key_client.stop();
  parts_->observation->stop();
  parts_->webhook_client.stop();
  parts_->node->stop();
  if (parts_->tracer) parts_->tracer->stop();
  parts_->trace_client.stop();
}

}  // namespace carillon::server
