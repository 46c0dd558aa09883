#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "gateway/connection.hpp"
#include "gateway/http_request_parser.hpp"
#include "gateway/http_response_writer.hpp"
#include "gateway/route_table.hpp"
#include "gateway/upgrade.hpp"
#include "ports/open_span.hpp"
#include "ports/websocket_handler.hpp"

namespace carillon::gateway {

class Front;
class WebSocketSession;

/// HTTP/1.1 on one connection (RFC 9112): requests may be pipelined, are handed to their routes as they come
/// in and answered in order. Ends, or becomes a WebSocketSession. Loop only; routes may answer from any
/// thread.
class HttpSession final : public Protocol, public std::enable_shared_from_this<HttpSession> {
 public:
  /// `refusal`: what the first request is answered, whatever it asks, before the connection is closed.
  HttpSession(Connection& connection, std::optional<model::Error> refusal);
  ~HttpSession() override;

  std::size_t on_bytes(std::span<char> bytes) override;
  void on_end_of_stream() override;
  void on_hang_up() override;
  void on_closed() override;
  void on_drained() override;
  void on_sweep(base::Monotonic now) override;
  void on_drain() override;
  bool idle() const override;

  /// The answer to exchange `number`. Ignored when it has one.
  void answer(std::uint64_t number, ports::HttpResponse response);
  /// The same with a refusal, as the request's path words it.
  void answer(std::uint64_t number, const model::Error& error);

 private:
  /// A request that is not answered yet, or whose answer waits for those before it.
  struct Exchange {
    bool ready = false;
    bool head = false;
    bool close = false;
    bool http_1_0 = false;
    bool has_origin = false;
    bool upgrade = false;       ///< wants to be a WebSocket
    std::uint8_t method = 0;    ///< method_number()
    std::uint16_t pattern = 0;  ///< RouteTable::pattern_number()
    ports::ErrorStyle refuse = &ports::HttpResponse::error;
    base::Monotonic since{};                  ///< the request was complete, or refused
    std::optional<base::TraceContext> trace;  ///< of the request
    std::string origin;                       ///< allowed to read the answer
    std::size_t charged = 0;                  ///< bytes of the answer that count among the unsent ones
    ports::HttpResponse response;
  };
  /// A complete request whose token is being verified.
  struct Held {
    std::uint64_t number = 0;
    ports::HttpRequest request;
    const ports::Route* route = nullptr;
    ports::OpenSpan span;
  };
  /// An upgrade that is in order: first it waits until all before it are answered, then for the handler.
  struct Handshake {
    std::uint64_t number = 0;
    ports::HttpRequest request;
    UpgradeOffer offer;
    base::Monotonic since{};
    std::shared_ptr<WebSocketSession> session;
    std::stop_source client_gone;
  };

  bool stalled() const;
  Front& front() const;
  void on_head();
  void on_request();
  std::uint64_t begin_exchange();
  void route(std::uint64_t number, ports::HttpRequest request);
  ports::HttpResponse options(const ports::HttpRequest& request, const Exchange& exchange) const;
  ports::HttpResponse unrouted(const ports::HttpRequest& request) const;
  void authenticate(Held held);
  void authorized(Held held, model::IdentityPtr identity);
  void on_signer(Held held, base::Result<model::IdentityPtr> signer);
  void on_identity(Held held, base::Result<model::IdentityPtr> identity);
  void hand_over(Held held);

  bool is_upgrade(const ports::HttpRequest& request) const;
  void prepare_upgrade(std::uint64_t number, ports::HttpRequest request, bool http_1_0, bool wants_websocket);
  void upgrade();
  std::optional<model::Error> upgrade_refusal(const ports::HttpRequest& request);
  void on_admission(const std::shared_ptr<WebSocketSession>& session,
                    base::Result<ports::Admission> admission);
  void abandon_handshake();

  Exchange* open_exchange(std::uint64_t number);
  void last_answer(std::uint64_t number, ports::HttpResponse response);
  void refuse(std::uint64_t number, const model::Error& error);
  bool charge(Exchange& exchange);
  void count(const Exchange& exchange);
  void send_answers();
  void proceed();

  Front& front_;
  Connection* connection_;
  std::optional<model::Error> refusal_;
  std::unique_ptr<HttpRequestParser> parser_;
  RouteMatch match_;  ///< of the request whose header is complete
  std::deque<Exchange> exchanges_;
  std::size_t unsent_ = 0;          ///< charged for answers that wait or lie in the outbound buffer
  std::size_t waiting_ = 0;         ///< of these, behind an earlier exchange
  std::uint64_t first_number_ = 0;  ///< of exchanges_.front()
  std::optional<Handshake> handshake_;
  std::string authorization_;    ///< the last one that was verified
  model::IdentityPtr identity_;  ///< and whom it stands for
  base::Monotonic verified_at_{};
  base::Monotonic since_;  ///< the connection, request header or body began, or the last answer left
  bool head_done_ = false;
  bool continue_due_ = false;  ///< 100 Continue waits for earlier answers
  bool authenticating_ = false;
  bool ending_ = false;  ///< no further request is read
  bool peer_ended_ = false;
  bool first_ = true;  ///< nothing was asked yet
};

}  // namespace carillon::gateway
