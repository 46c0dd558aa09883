#include "connection_handler/connection_handler.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "connection_handler/connect_parameters.hpp"

namespace carillon::connection_handler {
namespace {

namespace errors = model::errors;
namespace json = boost::json;
using model::Error;
using model::Result;

constexpr std::string_view kProtocol = "carillon.v1";
constexpr std::size_t kMaxRequestId = 128;
constexpr std::size_t kMaxUserAgent = 256;

void append_list(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  for (const std::string& each : texts) {
    if (out.back() != '[') out += ',';
    base::append_json_string(out, each);
  }
  out += ']';
}

std::string connected_frame(const ports::ConnectionRecord& record, const std::vector<std::string>& chat_ids,
                            int heartbeat_seconds, const std::string& store_epoch) {
  std::string out = "{\"type\":\"connected\",\"connectionId\":";
  base::append_json_string(out, record.id.str());
  out += ",\"userId\":";
  base::append_json_string(out, record.identity->user.str());
  out += ",\"chatIds\":";
  append_list(out, chat_ids);
  out += ",\"serverTime\":" + std::to_string(base::now_ms());
  out += ",\"heartbeatSeconds\":" + std::to_string(heartbeat_seconds);
  out += ",\"storeEpoch\":";
  base::append_json_string(out, store_epoch);
  return out += '}';
}

/// The frame's requestId as JSON text when it is one that answers repeat.
std::string_view request_id_of(const model::JsonDocument& document) {
  const json::string* id = model::string_member(document.object(), "requestId");
  return id && id->size() <= kMaxRequestId ? document.raw("requestId") : std::string_view();
}

/// `{"type":…` finished with the requestId.
std::string answer(std::string body, std::string_view request_id) {
  if (!request_id.empty()) {
    body += ",\"requestId\":";
    body += request_id;
  }
  return body += '}';
}

Result<std::vector<std::string>> chat_ids_of(const json::object& frame) {
  const auto invalid = [] {
    return model::fail(errors::kInvalidParameter, "chatIds must be a list of 1 to 1000 chat ids");
  };
  const json::value* value = frame.if_contains("chatIds");
  if (!value || !value->is_array() || value->get_array().empty() || value->get_array().size() > 1000)
    return invalid();
  std::vector<std::string> ids;
  for (const json::value& each : value->get_array()) {
    const json::string* id = each.if_string();
    if (!id || !base::valid_id(model::view(*id))) return invalid();
    if (std::ranges::find(ids, model::view(*id)) == ids.end()) ids.emplace_back(model::view(*id));
  }
  return ids;
}

}  // namespace

/// An upgrade whose client is known.
struct ConnectionHandler::Connect {
  ports::ConnectionRecordPtr record;
  ConnectParameters asked;
  bool versioned = false;
  std::stop_token client_gone;
  ports::Completion<ports::Admission> done;
  std::unique_ptr<WaitingConnects::Place> place;  ///< while it waits for a verdict
};

struct ConnectionHandler::Frame {
  const ports::FrameContext& context;
  const model::JsonDocument& document;
  std::string request_id;

  void refuse(const Error& error) const { context.socket->send(model::error_frame(error, request_id)); }
};

void ConnectionHandler::on_connect(ports::UpgradeRequest request, ports::Completion<ports::Admission> done) {
  auto shared = std::make_shared<ports::UpgradeRequest>(std::move(request));
  with_.authorize_upgrade(
      *shared, [this, shared, done = std::move(done)](Result<model::IdentityPtr> identity) mutable {
        if (!identity) return done(std::unexpected(identity.error()));
        admit(std::move(*shared), std::move(*identity), std::move(done));
      });
}

void ConnectionHandler::admit(ports::UpgradeRequest request, model::IdentityPtr identity,
                              ports::Completion<ports::Admission> done) {
  auto parameters = read_connect_parameters(request.http, *identity);
  if (!parameters) return done(std::unexpected(parameters.error()));

  auto record = std::make_shared<ports::ConnectionRecord>();
  record->id = request.connection;
  record->identity = identity;
  record->loop = request.loop;
  record->memberships = parameters->memberships;
  record->connected_at = base::now_ms();
  record->last_active_at = record->connected_at;
  record->source_address = request.http.source_address;
  record->user_agent = std::string(request.http.header("user-agent").substr(0, kMaxUserAgent));
  const bool versioned = std::ranges::find(request.subprotocols, kProtocol) != request.subprotocols.end();

  const auto connect = std::make_shared<Connect>(std::move(record), std::move(*parameters), versioned,
                                                 std::move(request.client_gone), std::move(done));
  if (with_.events && with_.events->decides()) return ask(connect);
  register_connection(connect, [this, connect](Result<std::vector<std::string>> chat_ids) {
    if (!chat_ids) return connect->done(std::unexpected(chat_ids.error()));
    if (with_.events) with_.events->connected({connect->record, *chat_ids});
    connect->done(admission_of(*connect, std::move(*chat_ids)));
  });
}

void ConnectionHandler::register_connection(const ConnectPtr& connect,
                                            ports::Completion<std::vector<std::string>> on_registered) {
  with_.directory.connect(connect->record, connect->asked.chat_ids, connect->asked.every_chat,
                          std::move(on_registered));
}

/// Who is not let in was nowhere, so nothing can have reached it: it is registered after the verdict.
void ConnectionHandler::ask(ConnectPtr connect) {
  const model::IdentityPtr& identity = connect->record->identity;
  connect->place = waiting_.enter(identity->user);
  if (!connect->place) return connect->done(model::fail(errors::kTooManyConnections));
  auto on_checked = [this, connect](Result<std::vector<std::string>> chat_ids) {
    if (!chat_ids) return connect->done(std::unexpected(chat_ids.error()));
    const ports::ConnectionView asking{connect->record, std::move(*chat_ids)};
    with_.events->decide(asking, connect->client_gone, [this, connect, asking](Result<void> verdict) {
      on_verdict(connect, asking, std::move(verdict));
    });
  };
  with_.directory.check(identity, connect->asked.chat_ids, connect->asked.every_chat,
                        connect->asked.memberships, std::move(on_checked));
}

void ConnectionHandler::on_verdict(const ConnectPtr& connect, const ports::ConnectionView& asking,
                                   Result<void> verdict) {
  const std::string key = RejectedConnects::key_of(connect->record->identity->user, connect->asked);
  if (!verdict) {
    connect->place.reset();
    if (verdict.error().is(errors::kConnectionRejected)) with_.rejected->rejected(key, base::monotonic_now());
    return connect->done(std::unexpected(std::move(verdict.error())));
  }
  with_.rejected->admitted(key);
  register_connection(connect, [this, connect, asking](Result<std::vector<std::string>> chat_ids) {
    connect->place.reset();
    if (chat_ids) return connect->done(admission_of(*connect, std::move(*chat_ids)));
    with_.events->not_admitted(asking);
    connect->done(std::unexpected(std::move(chat_ids.error())));
  });
}

ports::Admission ConnectionHandler::admission_of(const Connect& connect,
                                                 std::vector<std::string> chat_ids) const {
  ports::Admission admission;
  admission.record = connect.record;
  if (!connect.versioned) return admission;
  admission.subprotocol = kProtocol;
  admission.first_frame =
      connected_frame(*connect.record, chat_ids, with_.heartbeat_seconds, with_.store_epoch);
  return admission;
}

void ConnectionHandler::on_disconnect(const model::ConnectionId& connection, ports::SocketEnd end) {
  if (!with_.events) return with_.directory.disconnect(connection, nullptr);
  with_.directory.disconnect(connection, [events = with_.events, end](Result<ports::ConnectionView> last) {
    if (last) events->disconnected(std::move(*last), end);
  });
}

void ConnectionHandler::on_frame(const ports::FrameContext& context, std::string_view text) {
  const auto document = model::JsonDocument::parse(text);
  if (!document) return context.socket->send(model::error_frame(document.error(), {}));
  const Frame frame{context, *document, std::string(request_id_of(*document))};
  const json::object& object = document->object();
  const json::string* named = model::string_member(object, "action");
  const std::string_view action = named ? model::view(*named) : std::string_view();

  if (action == "subscribe") return change_subscriptions(frame, true);
  if (action == "unsubscribe") return change_subscriptions(frame, false);
  if (action == "refreshToken") return refresh_token(frame);
  if (action == "presence") return presence(frame);
  if (action == "echo") return context.socket->send(std::string(text));
  if (action == "ping")
    return context.socket->send(
        answer("{\"type\":\"pong\",\"serverTime\":" + std::to_string(base::now_ms()), frame.request_id));
  if (action == "sendMessage" || (object.contains("targetChannel") && object.contains("payload")))
    return with_.send_message(context, *document, frame.request_id);
  frame.refuse(Error(errors::kMissingParameters));
}

void ConnectionHandler::change_subscriptions(const Frame& frame, bool subscribe) {
  auto ids = chat_ids_of(frame.document.object());
  if (!ids) return frame.refuse(ids.error());
  auto done = [socket = frame.context.socket,
               request_id = frame.request_id](Result<ports::Subscription> now) {
    if (!now) return socket->send(model::error_frame(now.error(), request_id));
    std::string body = "{\"type\":\"subscribed\",\"chatIds\":";
    append_list(body, now->chat_ids);
    body += ",\"denied\":";
    append_list(body, now->denied);
    socket->send(answer(std::move(body), request_id));
  };
  subscribe ? with_.directory.subscribe(frame.context.connection, std::move(*ids), std::move(done))
            : with_.directory.unsubscribe(frame.context.connection, std::move(*ids), std::move(done));
}

void ConnectionHandler::refresh_token(const Frame& frame) {
  const json::string* token = model::string_member(frame.document.object(), "token");
  if (!token) return frame.refuse(Error(errors::kInvalidParameter, "token must be a text"));
  with_.authenticator.authenticate(
      model::view(*token), [this, socket = frame.context.socket, connection = frame.context.connection,
                            user = frame.context.identity->user,
                            request_id = frame.request_id](Result<model::IdentityPtr> identity) {
        if (identity && (*identity)->user != user) identity = model::fail(errors::kUserIdMismatch);
        if (!identity) return socket->send(model::error_frame(identity.error(), request_id));
        with_.directory.refresh(connection, *identity,
                                [socket, identity = *identity, request_id](Result<ports::Subscription> now) {
                                  if (!now) return socket->send(model::error_frame(now.error(), request_id));
                                  socket->set_identity(identity);
                                  socket->send(answer("{\"type\":\"tokenRefreshed\",\"expiresAt\":" +
                                                          std::to_string(identity->expires_at),
                                                      request_id));
                                });
      });
}

void ConnectionHandler::presence(const Frame& frame) {
  const json::string* chat = model::string_member(frame.document.object(), "chatId");
  if (!chat || !base::valid_id(model::view(*chat)))
    return frame.refuse(Error(errors::kInvalidParameter, "chatId must be a chat's id"));
  std::string chat_id(model::view(*chat));
  with_.directory.presence(
      chat_id, frame.context.identity,
      [socket = frame.context.socket, chat_id,
       request_id = frame.request_id](Result<std::vector<ports::PresentUser>> users) {
        if (!users) return socket->send(model::error_frame(users.error(), request_id));
        std::string body = "{\"type\":\"presence\",\"chatId\":" + base::json_string(chat_id) + ",\"users\":";
        ports::append_present_users(body, *users);
        socket->send(answer(std::move(body), request_id));
      });
}

}  // namespace carillon::connection_handler
