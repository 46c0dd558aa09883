// How an HttpSession becomes a WebSocketSession.
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "gateway/close_code.hpp"
#include "gateway/deflate.hpp"
#include "gateway/gateway_loop.hpp"
#include "gateway/http_session.hpp"
#include "gateway/websocket_session.hpp"

namespace carillon::gateway {
namespace {

namespace errors = model::errors;

constexpr std::size_t kConnectionIdBytes = 12;
constexpr std::string_view kEchoPath = "/echo";

}  // namespace

bool HttpSession::is_upgrade(const ports::HttpRequest& request) const {
  if (front().settings.internal) return false;
  return RouteTable::is_websocket_path(request.path) || (front().settings.dev && request.path == kEchoPath);
}

void HttpSession::prepare_upgrade(std::uint64_t number, ports::HttpRequest request, bool http_1_0,
                                  bool wants_websocket) {
  auto offer = check_upgrade(request, http_1_0, wants_websocket);
  if (!offer) {
    ports::HttpResponse response = ports::HttpResponse::error(offer.error());
    if (offer.error().is(errors::kMethodNotAllowed)) response.headers.emplace_back("Allow", "GET, OPTIONS");
    if (offer.error().is(errors::kUpgradeRequired)) {
      response.headers.emplace_back("Upgrade", "websocket");
      response.headers.emplace_back("Connection", "Upgrade");
      response.headers.emplace_back("Sec-WebSocket-Version", "13");
    }
    return answer(number, std::move(response));
  }
  handshake_.emplace(number, std::move(request), std::move(*offer));
  proceed();
}

/// Every answer before it has left: the upgrade is put to the handler.
void HttpSession::upgrade() {
  GatewayLoop& loop = connection_->loop();
  const std::uint64_t number = handshake_->number;
  if (const auto refused = upgrade_refusal(handshake_->request)) {
    handshake_.reset();
    return answer(number, *refused);
  }
  const bool echo = front().settings.dev && handshake_->request.path == kEchoPath;
  const model::ConnectionId id(base::random_token(kConnectionIdBytes));
  const auto session = std::make_shared<WebSocketSession>(loop, id, echo);
  handshake_->session = session;
  handshake_->since = loop.now();
  if (echo) return on_admission(session, ports::Admission{});
  session->register_pending();
  if (connection_->hung_up()) on_hang_up();
  const auto trace = handshake_->request.trace;
  ports::UpgradeRequest request{.http = std::move(handshake_->request),
                                .subprotocols = handshake_->offer.subprotocols,
                                .connection = id,
                                .loop = loop.index(),
                                .client_gone = handshake_->client_gone.get_token()};
  const auto decided = [keep = loop.shared_from_this(), weak = weak_from_this(),
                        session](base::Result<ports::Admission> admission) {
    keep->run([keep, weak, session, admission = std::move(admission)]() mutable {
      const auto http = weak.lock();
      if (http && http->handshake_ && http->handshake_->session == session)
        return http->on_admission(session, std::move(admission));
      // The socket went away, or the handler took too long: it must not keep what it admitted.
      if (admission)
        keep->front().services->handler.on_disconnect(session->id(), {close_code::kAbnormal, false});
    });
  };
  try {
    front().services->handler.on_connect(std::move(request), decided);
  } catch (const std::exception& problem) {
    const std::string_view reason = problem.what();
    if (trace)
      base::log::error("connect_handler_failed", "an upgrade could not be handled",
                       {{"reason", reason}, {"trace_id", base::trace_id_text(*trace)}});
    else
      base::log::error("connect_handler_failed", "an upgrade could not be handled", {{"reason", reason}});
    decided(model::fail(errors::kInternal));
  }
}

std::optional<model::Error> HttpSession::upgrade_refusal(const ports::HttpRequest& request) {
  if (front().draining) return model::Error(errors::kDraining);
  const std::string_view origin = request.header("origin");
  if (!origin.empty() && exchanges_.front().origin.empty()) return model::Error(errors::kOriginRefused);
  const IpAddress client = IpAddress::parse(request.source_address).value_or(connection_->peer());
  if (const std::int64_t wait = front().limits.connect(client, connection_->loop().now()); wait > 0)
    return model::retry_later(errors::kTooManyRequests, wait);
  // Behind a proxy the client is known only now.
  if (client != connection_->peer() && !connection_->counted()) {
    if (!front().limits.enter(client)) return model::Error(errors::kTooManyConnections);
    connection_->count_for(client);
  }
  return std::nullopt;
}

void HttpSession::on_admission(const std::shared_ptr<WebSocketSession>& session,
                               base::Result<ports::Admission> admission) {
  const auto alive = shared_from_this();
  const Handshake handshake = std::move(*handshake_);
  handshake_.reset();
  if (admission && peer_ended_) {
    // The peer closed its side meanwhile.
    session->unregister_pending();
    if (admission->record)
      front().services->handler.on_disconnect(session->id(), {close_code::kAbnormal, false});
    return connection_->close();
  }
  if (!admission) {
    session->unregister_pending();
    return answer(handshake.number, admission.error());
  }
  std::string extensions;
  if (front().settings.compression) extensions = accept_deflate(handshake.offer.extensions).value_or("");
  const auto& trace = exchanges_.front().trace;
  std::string answer_text = switching_protocols(handshake.offer, admission->subprotocol, extensions,
                                                trace ? base::format_traceparent(*trace) : "");
  Connection& connection = *connection_;
  connection_ = nullptr;
  exchanges_.clear();
  connection.set_protocol(session);
  session->open(connection, std::move(*admission), std::move(answer_text), !extensions.empty());
  connection.resume();
}

void HttpSession::abandon_handshake() {
  if (!handshake_) return;
  handshake_->client_gone.request_stop();
  if (handshake_->session) handshake_->session->unregister_pending();
  handshake_.reset();
}

}  // namespace carillon::gateway
