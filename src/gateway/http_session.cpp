#include "gateway/http_session.hpp"

#include <utility>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "gateway/gateway_loop.hpp"
#include "gateway/header_value.hpp"
#include "gateway/http_responder.hpp"
#include "gateway/websocket_session.hpp"

namespace carillon::gateway {
namespace {

namespace errors = model::errors;

constexpr std::size_t kMaxExchanges = 64;
/// Answers up to this size are not counted; the number of exchanges bounds them.
constexpr std::size_t kSmallAnswer = 64 * 1024;
/// What the larger ones of one connection may hold, unless it is a single one.
constexpr std::size_t kMaxUnsent = 16u << 20;
constexpr std::int64_t kRetryAfterMs = 1000;
constexpr std::chrono::seconds kHandshakePatience{30};  ///< how long a handler may think about an upgrade

}  // namespace

HttpSession::HttpSession(Connection& connection, std::optional<model::Error> refusal)
    : front_(connection.loop().front()),
      connection_(&connection),
      refusal_(std::move(refusal)),
      parser_(std::make_unique<HttpRequestParser>(front_.http_limits)),
      since_(connection.loop().now()) {}

HttpSession::~HttpSession() {
  if (unsent_ > 0) front_.unsent.give(unsent_);
}

Front& HttpSession::front() const {
  return front_;
}

bool HttpSession::stalled() const {
  return ending_ || authenticating_ || continue_due_ || handshake_ || exchanges_.size() >= kMaxExchanges ||
         connection_->out().bytes() > front().settings.max_outbound_bytes;
}

std::size_t HttpSession::on_bytes(std::span<char> bytes) {
  const auto alive = shared_from_this();
  std::string_view rest(bytes.data(), bytes.size());
  while (!rest.empty() && connection_ && !stalled()) {
    if (!parser_->started()) since_ = connection_->loop().now();
    const std::size_t used = parser_->feed(rest);
    rest.remove_prefix(used);
    const auto state = parser_->state();
    if (state == HttpRequestParser::State::failed) {
      refuse(begin_exchange(), parser_->error());
      break;
    }
    if (state != HttpRequestParser::State::head && !head_done_) {
      on_head();
      continue;
    }
    if (state == HttpRequestParser::State::complete) {
      on_request();
      continue;
    }
    if (used == 0) break;
  }
  // A request without a body is complete with its header, though no byte may be left.
  if (connection_ && head_done_ && !stalled() && parser_->state() == HttpRequestParser::State::complete)
    on_request();
  // After a handshake the rest is the WebSocket's.
  if (!connection_) return bytes.size() - rest.size();
  if (ending_) return bytes.size();
  if (stalled()) connection_->pause();
  return bytes.size() - rest.size();
}

/// The header is complete: what can be said now is said before the body is read.
void HttpSession::on_head() {
  head_done_ = true;
  since_ = connection_->loop().now();
  ports::HttpRequest& request = parser_->request();
  const std::string_view path = front().routes.canonical(request.path);
  if (path.size() != request.path.size()) request.sent_path = std::exchange(request.path, std::string(path));
  match_ = front().routes.find(request.method, request.path);
  const std::size_t factor = match_.route ? match_.route->body_factor : 1;
  const std::size_t limit = front().settings.max_message_bytes * factor;
  if (parser_->content_length().value_or(0) > limit)
    return refuse(begin_exchange(), model::Error(errors::kMessageTooLarge));
  parser_->limit_body(limit);
  if (parser_->state() != HttpRequestParser::State::body) return;
  if (!match_.route) parser_->discard_body();
  if (!parser_->expects_continue()) return;
  if (!match_.route) {
    const std::uint64_t number = begin_exchange();
    return last_answer(number, request.method == "OPTIONS" ? options(request, {}) : unrouted(request));
  }
  continue_due_ = true;
  proceed();
}

std::uint64_t HttpSession::begin_exchange() {
  Exchange& exchange = exchanges_.emplace_back();
  const ports::HttpRequest& request = parser_->request();
  exchange.since = connection_->loop().now();
  exchange.method = method_number(request.method);
  if (head_done_) {
    exchange.refuse = match_.refuse;
    exchange.pattern = static_cast<std::uint16_t>(front().routes.pattern_number(match_.route));
    const auto incoming = request.incoming_trace();
    if (incoming || (match_.route && match_.route->traced))
      exchange.trace = ports::begin_trace(front().services->tracer, incoming);
  }
  exchange.head = request.method == "HEAD";
  exchange.http_1_0 = parser_->http_1_0();
  exchange.close = !parser_->keep_alive();
  const std::string_view origin = request.header("origin");
  exchange.has_origin = !origin.empty();
  if (exchange.has_origin) {
    const bool secure = front().proxies.secure(connection_->peer(), request, connection_->secure());
    if (front().origins.allows(origin, request.header("host"), secure)) exchange.origin = origin;
  }
  return first_number_ + exchanges_.size() - 1;
}

void HttpSession::on_request() {
  const std::uint64_t number = begin_exchange();
  if (exchanges_.back().close) ending_ = true;
  first_ = false;
  ports::HttpRequest request = std::move(parser_->request());
  request.trace = exchanges_.back().trace;
  if (request.trace && request.trace->sampled) request.completed_ns = base::now_ns();
  const bool http_1_0 = parser_->http_1_0();
  const bool websocket = parser_->mentions_websocket();
  const bool wants_websocket = parser_->wants_websocket();
  parser_->reset();
  head_done_ = false;
  const bool upgrade = websocket && is_upgrade(request);
  exchanges_.back().upgrade = upgrade;
  if (refusal_) return refuse(number, *refusal_);
  if (front().settings.dev && !is_loopback_host(request.header("host")))
    return answer(number, model::Error(errors::kHostRefused));
  request.source_address = front().proxies.client(connection_->peer(), request).str();
  if (upgrade) return prepare_upgrade(number, std::move(request), http_1_0, wants_websocket);
  route(number, std::move(request));
}

void HttpSession::route(std::uint64_t number, ports::HttpRequest request) {
  if (request.method == "OPTIONS" && !match_.route)
    return answer(number, options(request, exchanges_.back()));
  if (!match_.route) return answer(number, unrouted(request));
  request.parameters = std::move(match_.parameters);
  Held held{number, std::move(request), match_.route, {}};
  if (held.route->access != ports::Access::open) return authenticate(std::move(held));
  // Nobody looks at it here; but who sends it is to learn that it shows up in logs on the way.
  if (held.request.header("upgrade").empty() && held.request.query_value("token"))
    return answer(number, model::Error(errors::kUnauthorized, "a token in the URL is not accepted"));
  hand_over(std::move(held));
}

/// OPTIONS where no route takes it: a browser's preflight, or the question what may be asked.
ports::HttpResponse HttpSession::options(const ports::HttpRequest& request, const Exchange& exchange) const {
  std::string allow = match_.allow;
  if (request.path == "*") allow = "GET, HEAD, POST, DELETE, OPTIONS";
  if (allow.empty() && is_upgrade(request)) allow = "GET, OPTIONS";
  if (allow.empty()) return ports::HttpResponse::error(model::Error(errors::kNotFound));
  const bool preflight = exchange.has_origin && !request.header("access-control-request-method").empty();
  if (preflight && exchange.origin.empty()) return match_.refuse(model::Error(errors::kOriginRefused));
  ports::HttpResponse response;
  response.status = 204;
  response.headers.emplace_back("Allow", allow);
  if (preflight) {
    response.headers.emplace_back("Access-Control-Allow-Methods", allow);
    response.headers.emplace_back("Access-Control-Allow-Headers",
                                  "Authorization, Content-Type, Idempotency-Key, traceparent, tracestate");
    response.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  return response;
}

/// The answer where no route matches: 404, 405 with what would, or 426 where a WebSocket was to be opened.
ports::HttpResponse HttpSession::unrouted(const ports::HttpRequest& request) const {
  if (match_.allow.empty() && is_upgrade(request)) {
    if (request.method != "GET") {
      ports::HttpResponse response = ports::HttpResponse::error(model::Error(errors::kMethodNotAllowed));
      response.headers.emplace_back("Allow", "GET, OPTIONS");
      return response;
    }
    ports::HttpResponse response =
        ports::HttpResponse::error(model::Error(errors::kUpgradeRequired, "a WebSocket is opened here"));
    response.headers.emplace_back("Upgrade", "websocket");
    response.headers.emplace_back("Connection", "Upgrade");
    response.headers.emplace_back("Sec-WebSocket-Version", "13");
    return response;
  }
  if (match_.allow.empty()) return ports::HttpResponse::error(model::Error(errors::kNotFound));
  ports::HttpResponse response = match_.refuse(model::Error(errors::kMethodNotAllowed));
  response.headers.emplace_back("Allow", match_.allow);
  return response;
}

void HttpSession::hand_over(Held held) {
  GatewayLoop& loop = connection_->loop();
  // A responder that is destroyed unanswered, as by an exception, answers 500 itself.
  HttpResponder responder(loop.shared_from_this(), weak_from_this(), held.number);
  const auto trace = held.request.trace;
  try {
    held.route->handler(std::move(held.request), std::move(responder));
  } catch (const std::exception& problem) {
    const std::string_view reason = problem.what();
    if (trace)
      base::log::error(
          "route_failed", "a request could not be handled",
          {{"path", held.route->path}, {"reason", reason}, {"trace_id", base::trace_id_text(*trace)}});
    else
      base::log::error("route_failed", "a request could not be handled",
                       {{"path", held.route->path}, {"reason", reason}});
  }
}

/// Answers, after all that came before, and ends the connection: what follows has no meaning, or is unwanted.
void HttpSession::last_answer(std::uint64_t number, ports::HttpResponse response) {
  ending_ = true;
  exchanges_[number - first_number_].close = true;
  answer(number, std::move(response));
}

void HttpSession::refuse(std::uint64_t number, const model::Error& error) {
  last_answer(number, exchanges_[number - first_number_].refuse(error));
}

void HttpSession::answer(std::uint64_t number, const model::Error& error) {
  if (const Exchange* const exchange = open_exchange(number)) answer(number, exchange->refuse(error));
}

/// Nothing when it has its answer, or the connection is gone.
HttpSession::Exchange* HttpSession::open_exchange(std::uint64_t number) {
  if (!connection_ || number < first_number_ || number - first_number_ >= exchanges_.size()) return nullptr;
  Exchange& exchange = exchanges_[number - first_number_];
  return exchange.ready ? nullptr : &exchange;
}

void HttpSession::answer(std::uint64_t number, ports::HttpResponse response) {
  Exchange* const exchange = open_exchange(number);
  if (!exchange) return;
  exchange->ready = true;
  exchange->response = std::move(response);
  if (!charge(*exchange))
    exchange->response =
        exchange->refuse(model::retry_later(errors::kOverloaded, kRetryAfterMs, "unread answers"));
  if (number != first_number_) return;
  const auto alive = shared_from_this();
  send_answers();
  if (connection_) proceed();
}

/// Counts a large answer of its own until its reader has taken it. False when there is no room for it.
bool HttpSession::charge(Exchange& exchange) {
  const std::size_t size = exchange.response.body.size();
  if (size <= kSmallAnswer) return true;
  if ((unsent_ > 0 && unsent_ + size > kMaxUnsent) || !front_.unsent.take(size)) return false;
  exchange.charged = size;
  unsent_ += size;
  waiting_ += size;
  return true;
}

void HttpSession::count(const Exchange& exchange) {
  GatewayLoop& loop = connection_->loop();
  const int status = exchange.response.status;
  if (exchange.upgrade)
    loop.figures().upgrade_refused(status);
  else
    loop.figures().answered(exchange.pattern, exchange.method, status, loop.now() - exchange.since);
}

void HttpSession::send_answers() {
  while (!exchanges_.empty() && exchanges_.front().ready) {
    Exchange exchange = std::move(exchanges_.front());
    exchanges_.pop_front();
    waiting_ -= exchange.charged;
    ++first_number_;
    const bool close = exchange.close || (exchanges_.empty() && (ending_ || front().draining));
    count(exchange);
    const std::string traceparent = exchange.trace ? base::format_traceparent(*exchange.trace) : "";
    write_response(connection_->out(), std::move(exchange.response),
                   {.head = exchange.head,
                    .close = close,
                    .http_1_0 = exchange.http_1_0,
                    .origin = exchange.origin,
                    .vary_origin = exchange.has_origin || !front().settings.allowed_origins.empty(),
                    .traceparent = traceparent});
    since_ = connection_->loop().now();
    connection_->flush_soon();
    if (!close) continue;
    ending_ = true;
    return connection_->finish();
  }
}

/// Does what waited for earlier answers, and reads on when nothing is in the way any more.
void HttpSession::proceed() {
  if (!connection_) return;
  if (continue_due_ && exchanges_.empty()) {
    continue_due_ = false;
    connection_->out().append(std::string_view("HTTP/1.1 100 Continue\r\n\r\n"));
    connection_->flush_soon();
  }
  if (handshake_ && !handshake_->session && exchanges_.size() == 1) upgrade();
  if (connection_ && connection_->paused() && !stalled()) connection_->resume();
}

void HttpSession::on_end_of_stream() {
  const auto alive = shared_from_this();
  ending_ = peer_ended_ = true;
  on_hang_up();
  if (exchanges_.empty()) connection_->finish();
}

/// Who does not want to be let in any more need not be decided on.
void HttpSession::on_hang_up() {
  if (handshake_) handshake_->client_gone.request_stop();
}

void HttpSession::on_closed() {
  abandon_handshake();
  connection_ = nullptr;
}

void HttpSession::on_drained() {
  front_.unsent.give(unsent_ - waiting_);
  unsent_ = waiting_;
  if (!ending_ && connection_->paused() && !stalled()) connection_->resume();
}

void HttpSession::on_sweep(base::Monotonic now) {
  const auto alive = shared_from_this();
  const Settings& settings = front().settings;
  if (handshake_ && handshake_->session && now - handshake_->since >= kHandshakePatience) {
    const std::uint64_t number = handshake_->number;
    abandon_handshake();
    return refuse(number, model::Error(errors::kUnavailable));
  }
  if (ending_ || connection_->paused() || !exchanges_.empty()) return;
  const auto waited = now - since_;
  if (first_ || !idle()) {
    if (waited < settings.handshake_timeout) return;
    if (!connection_->established()) return connection_->close();
    refuse(begin_exchange(), model::Error(errors::kRequestTimeout));
  } else if (waited >= settings.heartbeat_timeout) {
    connection_->finish();
  }
}

bool HttpSession::idle() const {
  return exchanges_.empty() && !parser_->started();
}

void HttpSession::on_drain() {
  if (idle() && !first_) connection_->finish();
}

}  // namespace carillon::gateway
